/** The pages of whoever has signed in: each role brings its own, loaded when it is needed. */
import {
  Activity,
  Building2,
  CalendarDays,
  ChartColumn,
  ClipboardPlus,
  FolderHeart,
  HeartHandshake,
  HeartPulse,
  Inbox,
  KeyRound,
  Mail,
  MessageSquare,
  Pill,
  ScrollText,
  Send,
  Settings,
  ShieldAlert,
  ShieldCheck,
  UserCog,
  Users,
} from "lucide-react";
import { type ComponentType, lazy, Suspense, useEffect } from "react";
import { Redirect, Route, Switch } from "wouter";

import type { Who } from "../lib";
import { Empty, Skeleton } from "./components/basics";
import { Catch } from "./components/catch";
import { type NavItem, Shell } from "./components/shell";
import { useOffers } from "./data/features";
import { useInbox, usePatientRequests } from "./data/hooks";
import { useUnread } from "./data/news";
import { useSignedIn } from "./data/session";
import { useT, type Words } from "./i18n";

const patient = () => import("./pages/patient");
const doctor = () => import("./pages/doctor");
const hospital = () => import("./pages/hospital");

function from<K extends string>(load: () => Promise<Record<K, ComponentType>>, name: K) {
  return lazy(async () => ({ default: (await load())[name] }));
}

const PAGES = {
  inbox: from(patient, "InboxPage"),
  approve: from(patient, "ApprovePage"),
  request: from(patient, "RequestPage"),
  record: from(patient, "RecordPage"),
  oneRecord: from(patient, "OneRecordPage"),
  access: from(patient, "AccessPage"),
  activity: from(patient, "ActivityPage"),
  patients: from(doctor, "PatientsPage"),
  onePatient: from(doctor, "OnePatientPage"),
  report: from(doctor, "ReportPage"),
  sent: from(doctor, "SentPage"),
  asked: from(doctor, "AskedPage"),
  shared: from(doctor, "SharedPage"),
  oneShared: from(doctor, "OneSharedPage"),
  prescriptions: from(doctor, "PrescriptionsPage"),
  people: from(hospital, "PeoplePage"),
  enrol: from(hospital, "EnrolPage"),
  held: from(hospital, "HeldPage"),
  health: from(hospital, "HealthPage"),
  intrusions: from(hospital, "IntrusionsPage"),
  figures: from(hospital, "FiguresPage"),
  registrar: lazy(() => import("./pages/registrar")),
  audit: lazy(() => import("./pages/auditor")),
  trusted: lazy(() => import("./pages/shared/trusted")),
  letters: lazy(() => import("./pages/shared/letters")),
  appointments: lazy(() => import("./pages/shared/appointments")),
  news: lazy(() => import("./pages/shared/news")),
  me: lazy(() => import("./pages/shared/me")),
  welcome: lazy(() => import("./pages/shared/welcome")),
  mails: lazy(() => import("./pages/shared/mails")),
};

const SIGN = { size: 20, "aria-hidden": true } as const;

function usePatientNav(t: Words, on: boolean): NavItem[] {
  const inbox = useInboxCount(on);
  if (!on) return [];
  return [
    { to: "/inbox", label: t("Inbox"), sign: <Inbox {...SIGN} />, count: inbox },
    { to: "/record", label: t("My record"), sign: <FolderHeart {...SIGN} /> },
    { to: "/access", label: t("Who can see"), sign: <KeyRound {...SIGN} /> },
    { to: "/activity", label: t("What happened"), sign: <Activity {...SIGN} /> },
  ];
}

/** Hooks run always; without a patient there is nothing to ask. */
function useInboxCount(on: boolean): number {
  const inbox = useInbox(on);
  const requests = usePatientRequests(on);
  return (inbox.data?.length ?? 0) + (requests.data?.filter((request) => request.answer === null).length ?? 0);
}

function staffNav(t: Words, who: Who): NavItem[] {
  const role = who.staff?.role;
  if (role === "auditor") return [{ to: "/audit", label: t("Audit"), sign: <ShieldCheck {...SIGN} /> }];
  const items: NavItem[] = [];
  if (role === "doctor" || role === "technician" || role === "nurse" || role === "pharmacist") {
    items.push({ to: "/patients", label: t("Patients"), sign: <Users {...SIGN} /> });
  }
  if (role === "doctor" || role === "technician") {
    items.push({ to: "/report", label: role === "doctor" ? t("New report") : t("Upload"), sign: <ClipboardPlus {...SIGN} /> });
    items.push({ to: "/sent", label: t("Sent"), sign: <Send {...SIGN} /> });
  }
  if (role === "doctor") {
    items.push({ to: "/prescriptions", label: t("Prescriptions"), sign: <Pill {...SIGN} /> });
  }
  if (role) {
    items.push({ to: "/asked", label: t("Ask for access"), sign: <KeyRound {...SIGN} /> });
    items.push({ to: "/shared", label: t("Shared with me"), sign: <FolderHeart {...SIGN} /> });
  }
  return items;
}

function hospitalNav(t: Words): NavItem[] {
  return [
    { to: "/people", label: t("People"), sign: <UserCog {...SIGN} /> },
    { to: "/enrol", label: t("Patients"), sign: <Users {...SIGN} /> },
    { to: "/held", label: t("Records held"), sign: <ScrollText {...SIGN} /> },
    { to: "/health", label: t("Copies"), sign: <HeartPulse {...SIGN} /> },
    { to: "/intrusions", label: t("Unusual access"), sign: <ShieldAlert {...SIGN} /> },
    { to: "/figures", label: t("Figures"), sign: <ChartColumn {...SIGN} /> },
    { to: "/audit", label: t("Audit"), sign: <ShieldCheck {...SIGN} /> },
  ];
}

function useNav(): NavItem[] {
  const t = useT();
  const { who } = useSignedIn();
  const letters = useOffers("/api/v1/letters");
  const appointments = useOffers("/api/v1/appointments");
  const notifications = useOffers("/api/v1/notifications");
  const unread = useUnread(notifications === true);
  const own = usePatientNav(t, who.patient !== null);
  const person = who.patient !== null || who.staff?.role === "doctor";
  const items = [...own, ...staffNav(t, who)];
  if (who.institution) items.push(...hospitalNav(t));
  if (who.registrar) items.push({ to: "/hospitals", label: t("Hospitals"), sign: <Building2 {...SIGN} /> });
  if (who.patient !== null || (who.staff === null && !who.institution && !who.registrar)) items.push({ to: "/trusted", label: t("In an emergency"), sign: <HeartHandshake {...SIGN} /> });
  if (person && letters) items.push({ to: "/letters", label: t("Messages"), sign: <MessageSquare {...SIGN} /> });
  if (person && appointments) items.push({ to: "/appointments", label: t("Appointments"), sign: <CalendarDays {...SIGN} /> });
  if (notifications && (person || who.staff)) items.push({ to: "/news", label: t("News"), sign: <Mail {...SIGN} />, count: unread });
  items.push({ to: "/me", label: t("Me"), sign: <Settings {...SIGN} /> });
  return items;
}

function start(who: Who, first: string | undefined): string {
  const known = who.patient !== null || who.institution || who.registrar || who.staff !== null;
  return known && first ? first : "/welcome";
}

export function Home() {
  const items = useNav();
  const t = useT();
  const { who } = useSignedIn();
  const waiting = items.reduce((sum, item) => sum + (item.count ?? 0), 0);
  useEffect(() => {
    document.title = waiting > 0 ? `(${String(waiting)}) Stele` : "Stele";
  }, [waiting]);
  return (
    <Shell items={items}>
      <Catch>
        <Suspense fallback={<Skeleton lines={4} />}>
          <Switch>
            <Route path="/inbox" component={PAGES.inbox} />
            <Route path="/inbox/:record" component={PAGES.approve} />
            <Route path="/requests/:id" component={PAGES.request} />
            <Route path="/record" component={PAGES.record} />
            <Route path="/record/:controller" component={PAGES.oneRecord} />
            <Route path="/access" component={PAGES.access} />
            <Route path="/activity" component={PAGES.activity} />
            <Route path="/patients" component={PAGES.patients} />
            <Route path="/patients/:patient" component={PAGES.onePatient} />
            <Route path="/report" component={PAGES.report} />
            <Route path="/report/:patient" component={PAGES.report} />
            <Route path="/sent" component={PAGES.sent} />
            <Route path="/asked" component={PAGES.asked} />
            <Route path="/shared" component={PAGES.shared} />
            <Route path="/shared/:grant" component={PAGES.oneShared} />
            <Route path="/prescriptions" component={PAGES.prescriptions} />
            <Route path="/people" component={PAGES.people} />
            <Route path="/enrol" component={PAGES.enrol} />
            <Route path="/held" component={PAGES.held} />
            <Route path="/health" component={PAGES.health} />
            <Route path="/intrusions" component={PAGES.intrusions} />
            <Route path="/figures" component={PAGES.figures} />
            <Route path="/hospitals" component={PAGES.registrar} />
            <Route path="/audit" component={PAGES.audit} />
            <Route path="/trusted" component={PAGES.trusted} />
            <Route path="/letters" component={PAGES.letters} />
            <Route path="/letters/:thread" component={PAGES.letters} />
            <Route path="/appointments" component={PAGES.appointments} />
            <Route path="/news" component={PAGES.news} />
            <Route path="/mails" component={PAGES.mails} />
            <Route path="/me" component={PAGES.me} />
            <Route path="/welcome" component={PAGES.welcome} />
            <Route path="/">
              <Redirect to={start(who, items[0]?.to)} replace />
            </Route>
            <Route>
              <Empty title={t("There is no such page")}>{t("Choose one from the menu.")}</Empty>
            </Route>
          </Switch>
        </Suspense>
      </Catch>
    </Shell>
  );
}
