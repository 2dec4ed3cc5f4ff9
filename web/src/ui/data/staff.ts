/** The people of this hospital, where the node keeps a directory of them. */
import { useQuery } from "@tanstack/react-query";

import { type Role, ROLES, type Wire } from "../../lib";
import { useOffers } from "./features";
import { useSession } from "./session";
import { shortHex } from "../format";

type StaffView = Wire<"StaffView", "wallet">;
export type StaffPerson = Omit<StaffView, "role"> & { readonly role: Role | null };

const NOBODY: readonly StaffPerson[] = [];

export function useStaffDirectory(refetchInterval: number | false = false): readonly StaffPerson[] {
  const session = useSession();
  const offered = useOffers("/api/v1/staff");
  const { data } = useQuery({
    queryKey: ["staff"],
    queryFn: async () => (await session.json<readonly StaffView[]>("GET", `/api/v1/staff?institution=${session.card.institution}`)).map(named),
    enabled: offered === true,
    // A page that keeps looking wants the newest when it opens, too.
    staleTime: refetchInterval === false ? 30_000 : 0,
    refetchInterval,
    retry: false,
  });
  return data ?? NOBODY;
}

/** A role that is known here, and a name to choose by: what the person stated, or the beginning of the address. */
function named(person: StaffView): StaffPerson {
  const role = ROLES.find((known) => known === person.role) ?? null;
  return { ...person, role, name: person.name || person.person.name || shortHex(person.wallet) };
}
