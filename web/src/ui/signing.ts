/** What each signature means, before a wallet of the browser opens its own window. */
import { SENTENCES, type SignatureAsk } from "../lib";
import { say } from "./i18n";

export function askWords(ask: SignatureAsk): string {
  switch (ask.kind) {
    case "SignIn":
      return say("You sign in to this hospital. This costs nothing and changes nothing.");
    case "AuditReport":
      return say("You sign the report of your audit.");
    default:
      return say(SENTENCES[ask.kind]);
  }
}
