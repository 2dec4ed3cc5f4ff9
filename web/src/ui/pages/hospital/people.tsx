/** Staff: invite, change, suspend; all of it on chain. */
import { UserPlus, Users } from "lucide-react";
import { useState } from "react";
import { useSearch } from "wouter";

import { type Hex, type Role, ROLES } from "../../../lib";
import { Badge, Button, Empty, Fold, Notice, PageHead, Said } from "../../components/basics";
import { Field, Select } from "../../components/form";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { useQuery } from "@tanstack/react-query";
import { CALM_MS, FRESH_MS, useFollow, useName, useRefresh } from "../../data/hooks";
import { useSession } from "../../data/session";
import { type StaffPerson, useStaffDirectory } from "../../data/staff";
import { useT } from "../../i18n";
import { roleWords } from "../../words";
import { isAddress } from "../patient/share";

type Change = (person: StaffPerson, active: boolean) => void;

function Row({ person, active, onChange }: { person: StaffPerson; active: boolean; onChange: Change }) {
  const t = useT();
  const [open, setOpen] = useState(false);
  const { role } = person;
  return (
    <li className="item">
      <div className="main">
        <p className="title">
          <Said>{person.name}</Said>
        </p>
        <p className="small muted">
          {roleWords(role)}
          {person.department ? ` · ${person.department}` : ""}
        </p>
        <Fold>
          <p className="small mono">{person.wallet}</p>
        </Fold>
      </div>
      <Badge tone={active ? "good" : "bad"}>{active ? t("Active") : t("Suspended")}</Badge>
      {role ? (
        <Button small kind={active ? "danger" : ""} onClick={() => setOpen(true)}>
          {active ? t("Suspend") : t("Reinstate")}
          <span className="sr-only"> {person.name}</span>
        </Button>
      ) : null}
      {open && role ? <StatusDialog wallet={person.wallet} name={person.name} role={role} active={active} onClose={() => setOpen(false)} onDone={() => onChange(person, !active)} /> : null}
    </li>
  );
}

function StatusDialog({ wallet, name, role, active, onClose, onDone }: { wallet: Hex; name: string; role: Role; active: boolean; onClose: () => void; onDone?: () => void }) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const act = async () => {
    const view = await session.hospital.setStaff(wallet, role, !active);
    follow(view.act, active ? t("Suspending {{name}}", { name }) : t("Reinstating {{name}}", { name }));
    onDone?.();
  };
  return (
    <SignDialog
      open
      danger={active}
      onClose={onClose}
      title={active ? t("Suspend {{name}}?", { name }) : t("Reinstate {{name}}?", { name })}
      what={active ? t("From the next block on nobody serves this person anything, at any hospital.") : t("This person can work again as before.")}
      rows={[
        [t("Who"), <Said key="n">{name}</Said>],
        [t("Role"), roleWords(role)],
      ]}
      confirm={active ? t("Suspend") : t("Reinstate")}
      onConfirm={act}
    />
  );
}

/** Who works here; also those whom this page suspended, so that they can be reinstated from it. */
function usePeople() {
  const [asked, setAsked] = useState<ReadonlyMap<Hex, { person: StaffPerson; active: boolean }>>(new Map());
  const [moving, setMoving] = useState(false);
  const staff = useStaffDirectory(moving ? FRESH_MS : CALM_MS);
  const here = new Set(staff.map((person) => person.wallet));
  const underway = [...asked].some(([wallet, { active }]) => here.has(wallet) !== active);
  // The next answer decides how soon the one after it is asked for.
  if (underway !== moving) setMoving(underway);
  const left = [...asked.values()].filter(({ person }) => !here.has(person.wallet));
  const change: Change = (person, active) => setAsked(new Map(asked).set(person.wallet, { person, active }));
  return { staff, left: left.map(({ person }) => person), change };
}

export default function PeoplePage() {
  const t = useT();
  const { staff, left, change } = usePeople();
  const asked = new URLSearchParams(useSearch()).get("add");
  const [open, setOpen] = useState(asked !== null);
  const [looked, look] = useState("");
  return (
    <div className="stack loose narrow">
      <PageHead title={t("People")} lead={t("Who works here and what they may do. It stands on chain, where every hospital can check it.")}>
        <Button kind="primary" onClick={() => setOpen(true)}>
          <UserPlus size={18} aria-hidden /> {t("Invite somebody")}
        </Button>
      </PageHead>
      {staff.length > 0 || left.length > 0 ? (
        <ul className="list">
          {staff.map((person) => (
            <Row key={person.wallet} person={person} active onChange={change} />
          ))}
          {left.map((person) => (
            <Row key={person.wallet} person={person} active={false} onChange={change} />
          ))}
        </ul>
      ) : (
        <Empty title={t("No directory of people yet")} sign={<Users size={32} aria-hidden />}>
          {t("Invite somebody by the address that their app shows. People who have accepted appear here.")}
        </Empty>
      )}
      <section className="card stack" aria-labelledby="find">
        <h2 id="find">{t("Look somebody up")}</h2>
        <Field label={t("Address")} value={looked} onChange={(event) => look(event.target.value)} autoComplete="off" spellCheck={false} />
        {isAddress(looked) ? <Found wallet={looked.trim().toLowerCase() as Hex} /> : null}
      </section>
      {open ? <InviteDialog asked={asked} onClose={() => setOpen(false)} /> : null}
    </div>
  );
}

function Found({ wallet }: { wallet: Hex }) {
  const t = useT();
  const session = useSession();
  const known = useQuery({ queryKey: ["status", wallet], queryFn: () => session.directory(wallet), refetchInterval: CALM_MS });
  const name = useName(wallet);
  const [open, setOpen] = useState(false);
  const staff = known.data?.staff;
  if (!known.data) return null;
  if (!staff?.role) return <Notice title={t("Nobody's staff, as the chain says")} />;
  const own = staff.institution === session.card.institution;
  return (
    <div className="row between">
      <p>
        <Said>{name}</Said>, {roleWords(staff.role)} <Badge tone={staff.active ? "good" : "bad"}>{staff.active ? t("Active") : t("Suspended")}</Badge>
      </p>
      {own ? (
        <Button small kind={staff.active ? "danger" : ""} onClick={() => setOpen(true)}>
          {staff.active ? t("Suspend") : t("Reinstate")}
        </Button>
      ) : (
        <p className="small muted">{t("Works at another hospital")}</p>
      )}
      {open ? <StatusDialog wallet={wallet} name={name} role={staff.role} active={staff.active} onClose={() => setOpen(false)} /> : null}
    </div>
  );
}

function InviteDialog({ asked, onClose }: { asked: string | null; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const refresh = useRefresh();
  const [wallet, setWallet] = useState(asked ?? "");
  const [role, setRole] = useState<Role>("doctor");
  const valid = isAddress(wallet);
  const invite = async () => {
    await session.hospital.invite(wallet.trim().toLowerCase() as Hex, role);
    refresh();
    toast(`invite-${wallet}`, "done", t("Invited"), t("They accept it when they next sign in here."));
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Invite somebody")}
      what={t("You offer a role at this hospital. It begins when the person signs as well.")}
      rows={[
        [t("Role"), roleWords(role)],
        [t("Until when"), t("Until you suspend them")],
        [t("Cost"), t("This hospital pays one transaction when they accept.")],
      ]}
      confirm={t("Sign the invitation")}
      disabled={!valid}
      onConfirm={invite}
    >
      <Field
        label={t("Their address")}
        hint={t("They make a key on this hospital's page and send you the address it shows.")}
        value={wallet}
        onChange={(event) => setWallet(event.target.value)}
        error={wallet !== "" && !valid ? t("An address begins with 0x and has 42 characters.") : undefined}
        autoComplete="off"
        spellCheck={false}
      />
      <Select label={t("Role")} value={role} onChange={(event) => setRole(event.target.value as Role)}>
        {ROLES.map((one) => (
          <option key={one} value={one}>
            {roleWords(one)}
          </option>
        ))}
      </Select>
    </SignDialog>
  );
}
