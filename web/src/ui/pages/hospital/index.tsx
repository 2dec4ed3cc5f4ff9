export { default as PeoplePage } from "./people";
export { default as EnrolPage } from "./enrol";
export { default as HeldPage } from "./held";
export { default as HealthPage } from "./health";
export { default as IntrusionsPage } from "./intrusions";
export { default as FiguresPage } from "./figures";
