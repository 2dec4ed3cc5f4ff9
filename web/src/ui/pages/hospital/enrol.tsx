/** Enrol a patient with the card that the patient's app shows. */
import { UserPlus, Users } from "lucide-react";
import { useState } from "react";
import { useSearch } from "wouter";

import type { Demographics } from "../../../lib";
import { Button, Empty, PageHead, Said, Skeleton, Time } from "../../components/basics";
import { Field, Select, TextArea } from "../../components/form";
import { Problem } from "../../components/problem";
import { SignDialog } from "../../components/sign";
import { fullName, useFollow, useFoundPatients } from "../../data/hooks";
import { useSession } from "../../data/session";
import { day } from "../../format";
import { useT } from "../../i18n";
import { MorePatients, sexWords } from "../doctor/patients";

export default function EnrolPage() {
  const t = useT();
  const card = new URLSearchParams(useSearch()).get("card");
  const [open, setOpen] = useState(card !== null);
  const [wanted, want] = useState("");
  const found = useFoundPatients(wanted);
  const nobody = found.data !== undefined && found.lines.length === 0;
  const none = nobody && found.wanted === "";
  return (
    <div className="stack loose">
      <PageHead title={t("Patients of this hospital")} lead={t("On chain a patient is one number that says nothing.")}>
        <Button kind="primary" onClick={() => setOpen(true)}>
          <UserPlus size={18} aria-hidden /> {t("Enrol a patient")}
        </Button>
      </PageHead>
      {found.error ? <Problem error={found.error} retry={() => void found.refetch()} /> : null}
      {found.isPending ? <Skeleton /> : null}
      {none ? (
        <Empty title={t("No patients yet")} sign={<Users size={32} aria-hidden />}>
          {t("A patient opens this hospital's page, makes a key and shows you a card to enrol them with.")}
        </Empty>
      ) : null}
      {found.data && !none ? (
        <>
          <Field label={t("Search by name, number or birth date")} type="search" value={wanted} onChange={(event) => want(event.target.value)} autoComplete="off" />
          <div className="table-wrap" tabIndex={0}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t("Name")}</th>
                  <th scope="col">{t("Number")}</th>
                  <th scope="col">{t("Born")}</th>
                  <th scope="col">{t("Sex")}</th>
                  <th scope="col">{t("Enrolled")}</th>
                </tr>
              </thead>
              <tbody>
                {found.lines.map((line) => (
                  <tr key={line.patient}>
                    <th scope="row">
                      <Said>{fullName(line)}</Said>
                    </th>
                    <td>
                      <Said>{line.demographics.id}</Said>
                    </td>
                    <td>{day(line.demographics.birth_date)}</td>
                    <td>{sexWords(line.demographics.sex, t)}</td>
                    <td>
                      <Time at={line.enrolledAt} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {nobody ? <Empty title={t("Nobody found")} sign={<Users size={32} aria-hidden />} /> : null}
          <MorePatients found={found} />
        </>
      ) : null}
      {open ? <EnrolDialog card={card ?? ""} onClose={() => setOpen(false)} /> : null}
    </div>
  );
}

function EnrolDialog({ card: given, onClose }: { card: string; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const follow = useFollow();
  const [card, setCard] = useState(given);
  const [family, setFamily] = useState("");
  const [first, setFirst] = useState("");
  const [id, setId] = useState("");
  const [born, setBorn] = useState("");
  const [sex, setSex] = useState<Demographics["sex"]>("unknown");
  const ready = card.trim() !== "" && family.trim() !== "" && id.trim() !== "" && born !== "";
  const enrol = async () => {
    const demographics: Demographics = { id: id.trim(), id_system: "urn:stele:patient", family: family.trim(), given: first.trim() ? first.trim().split(/\s+/) : [], birth_date: born, sex };
    const line = await session.staff.enrol(demographics, card.trim());
    follow(line.act, t("Enrolling {{name}}", { name: fullName(line) }));
  };
  return (
    <SignDialog
      open
      onClose={onClose}
      title={t("Enrol a patient")}
      what={t("The name stays in this hospital's own list. On chain stands one number that says nothing.")}
      rows={[
        [t("Whom"), `${first} ${family}`.trim() ? <Said key="n">{`${first} ${family}`.trim()}</Said> : "–"],
        [t("Cost"), t("This hospital pays one transaction.")],
      ]}
      confirm={t("Enrol")}
      disabled={!ready}
      onConfirm={enrol}
    >
      <TextArea label={t("The patient's card")} hint={t("The patient's app shows it as text and as a QR code.")} value={card} onChange={(event) => setCard(event.target.value)} rows={3} spellCheck={false} />
      <div className="form two">
        <Field label={t("Given names")} value={first} maxLength={200} onChange={(event) => setFirst(event.target.value)} autoComplete="off" />
        <Field label={t("Family name")} value={family} maxLength={200} onChange={(event) => setFamily(event.target.value)} autoComplete="off" required />
        <Field label={t("Number at this hospital")} value={id} maxLength={64} onChange={(event) => setId(event.target.value)} autoComplete="off" required />
        <Field label={t("Born")} type="date" value={born} onChange={(event) => setBorn(event.target.value)} required />
        <Select label={t("Sex")} value={sex} onChange={(event) => setSex(event.target.value as Demographics["sex"])}>
          <option value="unknown">{t("not known")}</option>
          <option value="female">{t("female")}</option>
          <option value="male">{t("male")}</option>
          <option value="other">{t("other")}</option>
        </Select>
      </div>
    </SignDialog>
  );
}
