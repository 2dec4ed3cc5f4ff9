/** Codes in a patient's words. */
import type { AuditReport, Purpose, Role } from "../lib";
import { say } from "./i18n";

export function purposeWords(purpose: Purpose): string {
  const words: Partial<Record<Purpose, string>> = {
    TREAT: say("to treat you"),
    ETREAT: say("to treat you in an emergency"),
    BTG: say("in an emergency, without asking first"),
    CAREMGT: say("to plan your care"),
    COC: say("to go on with your care elsewhere"),
    HPAYMT: say("for billing"),
    COVERAGE: say("to check your insurance"),
    HOPERAT: say("to run the hospital"),
    HQUALIMP: say("to make care better"),
    HLEGAL: say("for a legal matter"),
    HRESCH: say("for research"),
    CLINTRCH: say("for a clinical trial"),
    PATRQT: say("because you asked for it"),
    FAMRQT: say("because your family asked for it"),
    PWATRNY: say("by power of attorney"),
    PUBHLTH: say("for public health"),
  };
  return words[purpose] ?? purpose;
}

/** Codes of HL7 v3 RoleCode and RoleClass, for people whom a patient trusts. */
export function relationWords(code: string): string {
  const words: Record<string, string> = {
    SPS: say("spouse"),
    DOMPART: say("partner"),
    PRN: say("parent"),
    CHILD: say("child"),
    SIB: say("brother or sister"),
    GRPRN: say("grandparent"),
    EXT: say("other family"),
    FRND: say("friend"),
    NBOR: say("neighbour"),
    GUARD: say("guardian"),
    CAREGIVER: say("carer"),
  };
  return words[code] ?? code;
}

export function roleWords(role: Role | null | undefined): string {
  switch (role) {
    case "doctor":
      return say("Doctor");
    case "technician":
      return say("Technician");
    case "nurse":
      return say("Nurse");
    case "pharmacist":
      return say("Pharmacist");
    case "insurer":
      return say("Insurer");
    case "researcher":
      return say("Researcher");
    case "auditor":
      return say("Auditor");
    default:
      return say("Staff");
  }
}

export function partWords(name: string): string {
  const known: Record<string, string> = {
    document: say("the report"),
    image: say("the image"),
    heatmap: say("the heatmap"),
    "report.pdf": say("the PDF"),
    reading: say("the computer's reading"),
    answers: say("the filled-in form"),
  };
  const picture = /^image-(\d+)$/.exec(name);
  if (picture?.[1]) return say("image {{n}}", { n: picture[1] });
  const file = /^file-(\d+)$/.exec(name);
  if (file?.[1]) return say("file {{n}}", { n: file[1] });
  return known[name] ?? name;
}

export function partsWords(names: readonly string[]): string {
  return names.map(partWords).join(", ");
}

/** The same where the patient's own name for the record is known. */
function deedAbout(deed: string, who: string, what: string): string | null {
  switch (deed) {
    case "approve":
      return say("{{who}} added “{{what}}” to the record", { who, what });
    case "grant":
      return say("{{who}} gave access to “{{what}}”", { who, what });
    case "receive":
      return say("{{who}} received a permission for “{{what}}”", { who, what });
    case "open":
      return say("{{who}} opened “{{what}}”", { who, what });
    case "serve":
      return say("{{who}} read a part of “{{what}}”", { who, what });
    case "refused":
      return say("{{who}} was refused “{{what}}”", { who, what });
    case "revoke":
      return say("{{who}} took back access to “{{what}}”", { who, what });
    case "erase":
      return say("{{who}} erased “{{what}}”", { who, what });
    default:
      return null;
  }
}

export function deedWords(deed: string, who: string, what: string | null = null): string {
  const about = what === null ? null : deedAbout(deed, who, what);
  if (about !== null) return about;
  switch (deed) {
    case "enrol":
      return say("{{who}} enrolled you", { who });
    case "upload":
      return say("{{who}} sent you a report", { who });
    case "approve":
      return say("{{who}} added a report to the record", { who });
    case "refuse":
      return say("{{who}} refused a report", { who });
    case "request":
      return say("{{who}} asked for access", { who });
    case "grant":
      return say("{{who}} gave access", { who });
    case "receive":
      return say("{{who}} received a permission from another hospital", { who });
    case "open":
      return say("{{who}} opened what was shared", { who });
    case "serve":
      return say("{{who}} read a part of it", { who });
    case "refused":
      return say("{{who}} was refused", { who });
    case "revoke":
      return say("{{who}} took access back", { who });
    case "export":
      return say("{{who}} made a copy to take away", { who });
    case "erase":
      return say("{{who}} erased a record", { who });
    case "delete":
      return say("{{who}} deleted its copies", { who });
    case "damage":
      return say("{{who}} found a damaged copy", { who });
    case "repair":
      return say("{{who}} repaired a copy", { who });
    case "index":
      return say("{{who}} signed a new list of records and trusted people", { who });
    case "withdraw":
      return say("{{who}} took an approval back before it was sealed", { who });
    case "rebuild":
      return say("{{who}} rebuilt its database", { who });
    default:
      return say("{{who}}: {{deed}}", { who, deed });
  }
}

export function refusalWords(code: string): string {
  const known: Record<string, string> = {
    revoked: say("the permission was taken back"),
    expired: say("the permission had ended"),
    not_yet: say("the permission had not begun"),
    other_recipient: say("the permission was for somebody else"),
    other_part: say("that part was not shared"),
    other_deployment: say("the permission was for another system"),
    not_active: say("the person or hospital was suspended"),
    not_on_chain: say("the permission is not on chain"),
    erased: say("the record was erased"),
    chain_silent: say("the chain could not be asked"),
    views_used_up: say("all views were used"),
    not_confirmed: say("the code was not entered"),
  };
  return known[code] ?? code;
}

/** What an audit found. An unchecked log neither holds nor fails. */
export function auditWords(report: AuditReport): { tone: "good" | "warn" | "bad"; words: string } {
  if (report.holds) return { tone: "good", words: say("Everything holds") };
  if (!report.whole && report.problems.length === 0) return { tone: "warn", words: say("Only the seals on chain were looked at") };
  return { tone: "bad", words: say("Something does not hold") };
}
