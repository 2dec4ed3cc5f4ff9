/** What pages read, cached and kept fresh. */
import { keepPreviousData, type QueryClient, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";

import type { ActView, Hex, OpenedRecord, PatientLine, Role, Stage, VersionView } from "../../lib";
import { toast, type ToastState } from "../components/toasts";
import { shortHex } from "../format";
import { say, useT } from "../i18n";
import { useSession, useSignedIn } from "./session";

/** How often that is asked for of which no notice tells: what is on its way to the chain, a newcomer's wait. */
export const FRESH_MS = 4_000;
/** How often lists are asked for otherwise: a notice refreshes them at once (see news.ts). */
export const CALM_MS = 60_000;

/** Whose hospital shows them its patients. */
const CARING: ReadonlySet<Role | null> = new Set<Role>(["doctor", "technician", "nurse", "pharmacist"]);
const MOVING: ReadonlySet<Stage> = new Set(["signed", "committing"]);

/** Often while a version is on its way. */
function pace(views: readonly VersionView[] | undefined): number {
  return views?.some((view) => MOVING.has(view.stage)) ? FRESH_MS : CALM_MS;
}

export function useInbox(enabled = true) {
  const session = useSession();
  return useQuery({ queryKey: ["inbox"], queryFn: () => session.patient.inbox(), refetchInterval: ({ state }) => pace(state.data), enabled });
}

export function useRecords() {
  const session = useSession();
  return useQuery({ queryKey: ["records"], queryFn: () => session.patient.records(), refetchInterval: CALM_MS });
}

export function usePatientRequests(enabled = true) {
  const session = useSession();
  return useQuery({ queryKey: ["requests", "patient"], queryFn: () => session.patient.requests(), refetchInterval: CALM_MS, enabled });
}

export function usePatientGrants() {
  const session = useSession();
  return useQuery({ queryKey: ["grants", "patient"], queryFn: () => session.patient.grants(), refetchInterval: CALM_MS });
}

export function useStaffGrants() {
  const session = useSession();
  return useQuery({ queryKey: ["grants", "staff"], queryFn: () => session.staff.grants(), refetchInterval: CALM_MS });
}

export function useStaffRequests() {
  const session = useSession();
  return useQuery({ queryKey: ["requests", "staff"], queryFn: () => session.staff.requests(), refetchInterval: CALM_MS });
}

export function useAuthored() {
  const session = useSession();
  return useQuery({ queryKey: ["authored"], queryFn: () => session.staff.authored(), refetchInterval: ({ state }) => pace(state.data) });
}

export function usePatients() {
  const session = useSession();
  return useQuery({ queryKey: ["patients"], queryFn: () => session.staff.patients(), refetchInterval: CALM_MS });
}

/** How long somebody has to pause typing before the node is asked. */
const TYPING_MS = 250;

/** A text, once nobody has changed it for a moment. */
function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** The patients that match a text, as the node finds them, page by page; everybody for an empty one. */
export function useFoundPatients(text: string, enabled = true) {
  const session = useSession();
  const wanted = useSettled(text.trim());
  const found = useInfiniteQuery({
    queryKey: ["patients", "found", wanted],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => session.staff.findPatients(wanted, pageParam),
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    enabled,
  });
  return { ...found, wanted, lines: (found.data?.pages ?? []).flatMap((page) => page.patients) };
}

/** A version, opened and checked once. */
export function useOpened(view: VersionView | null | undefined) {
  const session = useSession();
  return useQuery({
    queryKey: ["opened", view?.record, view?.version],
    queryFn: async (): Promise<OpenedRecord> => {
      if (!view) throw new Error("nothing to open");
      return session.patient.open(view);
    },
    enabled: view != null,
    staleTime: Infinity,
    gcTime: 10 * 60_000,
    retry: 1,
  });
}

/** The words of whatever was opened. */
export function useDocument(key: readonly unknown[], opened: Pick<OpenedRecord, "document"> | undefined) {
  return useQuery({
    queryKey: ["document", ...key],
    queryFn: async () => {
      if (!opened) throw new Error("nothing to read");
      return opened.document();
    },
    enabled: opened !== undefined,
    staleTime: Infinity,
  });
}

export function fullName(line: PatientLine): string {
  return `${line.demographics.given.join(" ")} ${line.demographics.family}`.trim();
}

/** A patient's name, for the staff of the patient's hospital: no directory tells it. */
function usePatientName(wallet: Hex | null | undefined): string | undefined {
  const { session, who } = useSignedIn();
  const enabled = wallet != null && who.staff?.institution === session.card.institution && CARING.has(who.staff.role);
  const { data } = useQuery({ queryKey: ["patients"], queryFn: () => session.staff.patients(), staleTime: CALM_MS, enabled });
  const line = data?.find((one) => one.wallet === wallet);
  return line && fullName(line);
}

/** The name behind a wallet, or a short form of its address. */
export function useName(wallet: Hex | null | undefined): string {
  const session = useSession();
  const patient = usePatientName(wallet);
  const t = useT();
  const { data } = useQuery({
    queryKey: ["directory", wallet],
    queryFn: () => (wallet ? session.directory(wallet) : null),
    enabled: wallet != null,
    staleTime: 60_000,
  });
  if (!wallet) return "";
  if (wallet === session.address) return t("you");
  if (wallet === session.card.institution) return session.card.name;
  if (data?.name) return data.name;
  if (patient) return patient;
  return data?.activeInstitution ? t("another hospital ({{id}})", { id: shortHex(wallet) }) : shortHex(wallet);
}

const STATES: Record<ActView["progress"], ToastState> = { waiting: "going", own_wallet: "going", pending: "going", included: "done", final: "done", failed: "failed", withdrawn: "done" };

export function actWords(act: Pick<ActView, "progress" | "error">): string {
  switch (act.progress) {
    case "waiting":
      return say("Waiting to be sent");
    case "own_wallet":
      return say("Waits for your own wallet");
    case "withdrawn":
      return say("Taken back before it was sent");
    case "pending":
      return say("On its way to the chain");
    case "included":
      return say("Written, waiting to be final");
    case "final":
      return say("Final");
    case "failed":
      return act.error ?? say("The chain refused it");
  }
}

function refreshAll(client: QueryClient): void {
  const stay = new Set(["opened", "document", "features", "directory"]);
  void client.invalidateQueries({ predicate: (query) => !stay.has(String(query.queryKey[0])) });
}

/** Follow an act in a toast and refresh the lists when it moves. */
export function useFollow(): (act: Hex | null | undefined, title: string) => void {
  const { session, ended } = useSignedIn();
  const client = useQueryClient();
  return useCallback(
    (act, title) => {
      refreshAll(client);
      if (!act || ended.aborted) return;
      const show = (view: ActView) => {
        if (ended.aborted) return;
        toast(act, STATES[view.progress], title, actWords(view));
        refreshAll(client);
      };
      toast(act, "going", title, say("Waiting to be sent"));
      session.follow(act, show, ended).catch((error: unknown) => {
        if (ended.aborted) return;
        toast(act, "failed", title, error instanceof Error ? error.message : String(error));
      });
    },
    [client, session, ended],
  );
}

export function useRefresh(): () => void {
  const client = useQueryClient();
  return useCallback(() => refreshAll(client), [client]);
}
