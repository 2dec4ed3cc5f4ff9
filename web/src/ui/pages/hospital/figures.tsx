/** The hospital in figures. */
import { lazy, Suspense, useState } from "react";

import { PageHead, Skeleton } from "../../components/basics";
import { Select } from "../../components/form";
import { Offered } from "../../components/offer";
import { Problem } from "../../components/problem";
import { type Figures, useHospital } from "../../data/hospital";
import { useT } from "../../i18n";

const PATH = "/api/v1/hospital/figures";
const Series = lazy(() => import("../../charts/series"));

function Charts({ days }: { days: number }) {
  const { data, error, isPending, refetch } = useHospital<Figures>(`${PATH}?days=${String(days)}`);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (isPending) return <Skeleton />;
  return (
    <Suspense fallback={<Skeleton />}>
      <Series figures={data} />
    </Suspense>
  );
}

export default function FiguresPage() {
  const t = useT();
  const [days, setDays] = useState(30);
  return (
    <div className="stack loose">
      <PageHead title={t("Figures")} lead={t("Counted from the log; no figure shows a patient.")}>
        <Select label={t("Span")} value={days} onChange={(event) => setDays(Number(event.target.value))}>
          <option value={7}>{t("One week")}</option>
          <option value={30}>{t("30 days")}</option>
          <option value={365}>{t("One year")}</option>
        </Select>
      </PageHead>
      <Offered path={PATH}>
        <Charts days={days} />
      </Offered>
    </div>
  );
}
