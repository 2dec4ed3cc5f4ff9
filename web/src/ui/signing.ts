/** What each signature means, before a wallet of the browser opens its own window. */
import type { SignatureAsk } from "../lib";
import { say } from "./i18n";

export function askWords(ask: SignatureAsk): string {
  switch (ask.kind) {
    case "SignIn":
      return say("You sign in to this hospital. This costs nothing and changes nothing.");
    case "SetInstitution":
      return say("You admit or suspend a hospital.");
    case "AdmitStaff":
      return say("You join, or take somebody into, a hospital's staff.");
    case "SetStaff":
      return say("You change what somebody of your staff may do.");
    case "PublishKey":
      return say("You write a fingerprint of your sealing key on chain, so that nobody can exchange it.");
    case "KeyStatement":
      return say("You state which key others use to seal something for you.");
    case "Commit":
      return say("You take a report into your record.");
    case "Erase":
      return say("You erase a record for good.");
    case "Request":
      return say("You ask a patient for access.");
    case "Grant":
      return say("You let somebody open parts of a record until a day.");
    case "Revoke":
      return say("You take access back.");
    case "AuthorStatement":
      return say("You sign a report as its author.");
    case "IndexStatement":
      return say("You sign the new list of your records.");
    case "Checkpoint":
      return say("You seal the log of this hospital on chain.");
    case "EnrolPatient":
      return say("You enrol a patient.");
    case "AuditReport":
      return say("You sign the report of your audit.");
  }
}
