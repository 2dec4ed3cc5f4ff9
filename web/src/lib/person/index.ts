/** Comparing a file's patient with the chosen one. Apart from the library's front, so that only the page that takes files loads it. */

export { comparePeople, type FilePatient, type Judgement, type Verdict } from "./compare";
export { filePatient, isDicom } from "./file-patient";
export { type Reason, weightOf } from "./reason";
