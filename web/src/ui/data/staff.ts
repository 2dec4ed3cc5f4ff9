/** The people of this hospital, where the node keeps a directory of them. */
import { useQuery } from "@tanstack/react-query";

import type { Hex, Role } from "../../lib";
import { useOffers } from "./features";
import { useSession } from "./session";
import { shortHex } from "../format";

export interface StaffPerson {
  wallet: Hex;
  name: string;
  role: Role | null;
  department?: string | null;
}

const NOBODY: readonly StaffPerson[] = [];

export function useStaffDirectory(refetchInterval: number | false = false): readonly StaffPerson[] {
  const session = useSession();
  const offered = useOffers("/api/v1/staff");
  const { data } = useQuery({
    queryKey: ["staff"],
    queryFn: async () => (await session.json<readonly StaffPerson[]>("GET", `/api/v1/staff?institution=${session.card.institution}`)).map(named),
    enabled: offered === true,
    // A page that keeps looking wants the newest when it opens, too.
    staleTime: refetchInterval === false ? 30_000 : 0,
    refetchInterval,
    retry: false,
  });
  return data ?? NOBODY;
}

/** A name to choose by: what the person stated, or the beginning of the address. */
function named(person: StaffPerson & { person?: { name: string } | null }): StaffPerson {
  return { ...person, name: person.name || person.person?.name || shortHex(person.wallet) };
}
