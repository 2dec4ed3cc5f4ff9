export { default as InboxPage } from "./inbox";
export { default as ApprovePage } from "./approve";
export { default as RequestPage } from "./request";
export { OneRecordPage, RecordPage } from "./record";
export { default as AccessPage } from "./access";
export { default as ActivityPage } from "./activity";
