export { default as PatientsPage, OnePatientPage } from "./patients";
export { default as ReportPage } from "./report";
export { default as SentPage } from "./sent";
export { default as AskedPage } from "./asked";
export { default as SharedPage, OneSharedPage } from "./shared";
export { default as PrescriptionsPage } from "./prescriptions";
