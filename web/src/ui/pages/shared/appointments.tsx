/** Free times and appointments. Why somebody comes is sealed for the doctor. */
import { useQuery } from "@tanstack/react-query";
import { CalendarDays, CalendarPlus } from "lucide-react";
import { useState } from "react";

import type { Hex, Wire } from "../../../lib";
import { Badge, Button, Empty, PageHead, Said, Skeleton, type Tone } from "../../components/basics";
import { Field, Select, TextArea } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { toast } from "../../components/toasts";
import { CALM_MS, useName, useRefresh } from "../../data/hooks";
import { randomId } from "../../data/letters";
import { useSignedIn } from "../../data/session";
import { useStaffDirectory } from "../../data/staff";
import { now, shortTime, weekdayTime } from "../../format";
import { useT } from "../../i18n";
import { isAddress } from "../patient/share";

type Slot = Wire<"Slot", "slot" | "doctor">;
/** An appointment. Its reason is the envelope of whoever asks; it is bound to `first_slot` and stays so when the time moves. */
type Appointment = Wire<"AppointmentView", "id" | "slot" | "first_slot" | "doctor" | "patient" | "reason">;
type State = Appointment["state"];

const MINUTE = 60;

function useSlots(doctor: Hex | null) {
  const { session } = useSignedIn();
  return useQuery({
    queryKey: ["slots", doctor],
    queryFn: () => session.json<readonly Slot[]>("GET", `/api/v1/slots?doctor=${doctor ?? ""}`),
    enabled: doctor !== null,
    refetchInterval: CALM_MS,
  });
}

function useAppointments() {
  const { session } = useSignedIn();
  return useQuery({
    queryKey: ["appointments"],
    queryFn: () => session.json<readonly Appointment[]>("GET", "/api/v1/appointments"),
    refetchInterval: CALM_MS,
  });
}

function StateBadge({ state }: { state: State }) {
  const t = useT();
  const known: Record<State, [Tone, string]> = {
    asked: ["wait", t("Waits for the doctor")],
    proposed: ["wait", t("The doctor proposes this time")],
    accepted: ["good", t("Agreed")],
    declined: ["bad", t("Declined")],
    cancelled: ["plain", t("Cancelled")],
  };
  const [tone, words] = known[state];
  return <Badge tone={tone}>{words}</Badge>;
}

export default function AppointmentsPage() {
  const t = useT();
  const { session, who } = useSignedIn();
  const doctor = who.staff?.role === "doctor";
  const appointments = useAppointments();
  const [dialog, open] = useState<"slot" | "ask" | null>(null);
  const slots = useSlots(doctor ? session.address : null);
  const free = (slots.data ?? []).filter((slot) => !slot.taken);
  const refresh = useRefresh();
  const [error, setError] = useState<unknown>(null);
  const remove = (id: string) => session.json("DELETE", `/api/v1/slots/${id}`).then(refresh, setError);
  return (
    <div className="stack loose narrow">
      <PageHead title={t("Appointments")}>
        {doctor ? (
          <Button kind="primary" onClick={() => open("slot")}>
            <CalendarPlus size={18} aria-hidden /> {t("Offer times")}
          </Button>
        ) : null}
        {who.patient !== null ? (
          <Button kind="primary" onClick={() => open("ask")}>
            <CalendarPlus size={18} aria-hidden /> {t("Ask for an appointment")}
          </Button>
        ) : null}
      </PageHead>
      {appointments.error ? <Problem error={appointments.error} retry={() => void appointments.refetch()} /> : null}
      {error ? <Problem error={error} /> : null}
      {appointments.isPending ? <Skeleton /> : null}
      {appointments.data?.length === 0 ? (
        <Empty title={t("No appointments")} sign={<CalendarDays size={32} aria-hidden />}>
          {doctor ? t("Offer free times; your patients choose among them.") : t("Choose a doctor and one of their free times.")}
        </Empty>
      ) : null}
      <ul className="list">
        {appointments.data?.map((appointment) => (
          <Row key={appointment.id} appointment={appointment} doctor={appointment.doctor === session.address} />
        ))}
      </ul>
      {doctor && slots.data ? (
        <section className="stack tight" aria-labelledby="free">
          <h2 id="free">{t("Your free times")}</h2>
          <ul className="list">
            {free.map((slot) => (
              <li key={slot.slot} className="item">
                <span className="main">{shortTime(slot.from)}</span>
                <Button small kind="quiet" onClick={() => void remove(slot.slot)}>
                  {t("Take away")}
                  <span className="sr-only"> {shortTime(slot.from)}</span>
                </Button>
              </li>
            ))}
          </ul>
          {free.length === 0 ? <p className="muted">{t("None at the moment.")}</p> : null}
        </section>
      ) : null}
      {dialog === "slot" ? <SlotDialog onClose={() => open(null)} /> : null}
      {dialog === "ask" ? <AskDialog onClose={() => open(null)} /> : null}
    </div>
  );
}

function Reason({ appointment }: { appointment: Appointment }) {
  const { session } = useSignedIn();
  const text = useQuery({
    queryKey: ["opened", "reason", appointment.id],
    queryFn: () => session.openLetter({ thread: appointment.first_slot, id: appointment.id, sealed: appointment.reason }),
    staleTime: Infinity,
    retry: false,
  });
  return text.data ? <Said prose>{text.data}</Said> : null;
}

function Row({ appointment, doctor }: { appointment: Appointment; doctor: boolean }) {
  const t = useT();
  const { session } = useSignedIn();
  const refresh = useRefresh();
  const name = useName(doctor ? appointment.patient : appointment.doctor);
  const { state } = appointment;
  const [error, setError] = useState<unknown>(null);
  const [moving, move] = useState(false);
  const act = (action: string) => session.json("POST", `/api/v1/appointments/${appointment.id}`, { action }).then(refresh, setError);
  // A patient who does not want the proposed time moves or cancels it; only the doctor declines.
  const mine = state === (doctor ? "asked" : "proposed");
  return (
    <li className="item">
      <div className="main">
        <p className="title">{weekdayTime(appointment.from)}</p>
        <p className="small muted">
          {name} · {shortTime(appointment.from)}
        </p>
        <Reason appointment={appointment} />
        {error ? <Problem error={error} /> : null}
      </div>
      <StateBadge state={state} />
      <div className="buttons">
        {mine ? (
          <>
            <Button small kind="primary" onClick={() => void act("accept")}>
              {t("Accept")}
            </Button>
            {doctor ? (
              <Button small onClick={() => void act("decline")}>
                {t("Decline")}
              </Button>
            ) : null}
          </>
        ) : null}
        {state === "asked" || state === "proposed" || state === "accepted" ? (
          <>
            <Button small onClick={() => move(true)}>
              {t("Move")}
            </Button>
            <Button small kind="danger" onClick={() => void act("cancel")}>
              {t("Cancel")}
            </Button>
          </>
        ) : null}
      </div>
      {moving ? <MoveDialog appointment={appointment} onClose={() => move(false)} /> : null}
    </li>
  );
}

function MoveDialog({ appointment, onClose }: { appointment: Appointment; onClose: () => void }) {
  const t = useT();
  const { session } = useSignedIn();
  const refresh = useRefresh();
  const slots = useSlots(appointment.doctor);
  const [slot, setSlot] = useState("");
  const free = (slots.data ?? []).filter((one) => !one.taken && one.from > now());
  const move = async () => {
    await session.json("POST", `/api/v1/appointments/${appointment.id}`, { action: "move", slot });
    refresh();
    toast("appointment", "done", t("Asked; the answer appears here"));
  };
  return (
    <SignDialog open onClose={onClose} title={t("Move the appointment")} what={t("The other one is asked whether the new time suits.")} rows={[[t("Now"), shortTime(appointment.from)]]} confirm={t("Propose it")} disabled={slot === ""} onConfirm={move}>
      <Select label={t("Free times")} value={slot} onChange={(event) => setSlot(event.target.value)}>
        <option value="">{t("Choose …")}</option>
        {free.map((one) => (
          <option key={one.slot} value={one.slot}>
            {shortTime(one.from)}
          </option>
        ))}
      </Select>
    </SignDialog>
  );
}

function SlotDialog({ onClose }: { onClose: () => void }) {
  const t = useT();
  const { session } = useSignedIn();
  const refresh = useRefresh();
  const [start, setStart] = useState("");
  const [minutes, setMinutes] = useState("30");
  const [count, setCount] = useState("4");
  const first = Math.floor(Date.parse(start) / 1000);
  const offer = async () => {
    const length = Number(minutes) * MINUTE;
    const slots = Array.from({ length: Number(count) }, (_, i) => ({ from: first + i * length, until: first + (i + 1) * length }));
    await session.json("POST", "/api/v1/slots", slots);
    refresh();
    toast("slots", "done", t("{{count}} times offered", { count: slots.length }));
  };
  return (
    <SignDialog open onClose={onClose} title={t("Offer times")} what={t("Patients of this hospital can ask for one of them.")} confirm={t("Offer them")} disabled={!(first > now())} onConfirm={offer}>
      <Field label={t("First one begins")} type="datetime-local" value={start} onChange={(event) => setStart(event.target.value)} />
      <Select label={t("Minutes each")} value={minutes} onChange={(event) => setMinutes(event.target.value)}>
        {["15", "30", "45", "60"].map((one) => (
          <option key={one}>{one}</option>
        ))}
      </Select>
      <Select label={t("How many in a row")} value={count} onChange={(event) => setCount(event.target.value)}>
        {["1", "2", "4", "8", "12"].map((one) => (
          <option key={one}>{one}</option>
        ))}
      </Select>
    </SignDialog>
  );
}

function AskDialog({ onClose }: { onClose: () => void }) {
  const t = useT();
  const { session } = useSignedIn();
  const refresh = useRefresh();
  const staff = useStaffDirectory().filter((person) => person.role === "doctor");
  const [to, setTo] = useState("");
  const [slot, setSlot] = useState("");
  const [reason, setReason] = useState("");
  const wallet = isAddress(to) ? (to.trim().toLowerCase() as Hex) : null;
  const slots = useSlots(wallet);
  const name = useName(wallet);
  const free = (slots.data ?? []).filter((one) => one.from > now() && !one.taken);
  const chosen = free.find((one) => one.slot === slot);
  const ask = async () => {
    if (!wallet || !chosen) return;
    const id = randomId();
    const { sealed, sealedOwn } = await session.sealLetter(wallet, reason.trim(), { thread: chosen.slot, id });
    await session.json("POST", "/api/v1/appointments", { id, slot: chosen.slot, reason: sealed, reason_own: sealedOwn });
    refresh();
    toast("appointment", "done", t("Asked; the answer appears here"));
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Ask for an appointment")}
      what={t("The reason is sealed for the doctor alone.")}
      rows={[
        [t("With whom"), wallet ? name : "–"],
        [t("When"), chosen ? shortTime(chosen.from) : "–"],
      ]}
      confirm={t("Ask")}
      disabled={!chosen || reason.trim() === ""}
      onConfirm={ask}
    >
      {staff.length > 0 ? (
        <Select label={t("Doctor")} value={to} onChange={(event) => setTo(event.target.value)}>
          <option value="">{t("Choose …")}</option>
          {staff.map((person) => (
            <option key={person.wallet} value={person.wallet}>
              {person.name}
            </option>
          ))}
        </Select>
      ) : (
        <Field label={t("Address of the doctor")} value={to} onChange={(event) => setTo(event.target.value)} autoComplete="off" spellCheck={false} />
      )}
      {slots.error ? <Problem error={slots.error} /> : null}
      {wallet && slots.data ? (
        free.length > 0 ? (
          <Select label={t("Free times")} value={slot} onChange={(event) => setSlot(event.target.value)}>
            <option value="">{t("Choose …")}</option>
            {free.map((one) => (
              <option key={one.slot} value={one.slot}>
                {shortTime(one.from)}
              </option>
            ))}
          </Select>
        ) : (
          <p className="muted">{t("This doctor offers no free times at the moment.")}</p>
        )
      ) : null}
      <TextArea label={t("Why do you come?")} value={reason} maxLength={2_000} onChange={(event) => setReason(event.target.value)} />
    </SignDialog>
  );
}
