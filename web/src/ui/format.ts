/** Dates, spans and numbers by the reader's locale. */
import { language } from "./i18n";

export function locale(): string {
  const own = navigator.languages.find((code) => code.startsWith(language()));
  return own ?? language();
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function now(): number {
  return Math.floor(Date.now() / 1000);
}

export function exactTime(at: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "full", timeStyle: "medium" }).format(at * 1000);
}

export function shortTime(at: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(at * 1000);
}

export function date(at: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium" }).format(at * 1000);
}

/** A birth date is a day and has no time zone. */
export function day(iso: string): string {
  const at = Date.parse(`${iso}T00:00:00Z`);
  if (Number.isNaN(at)) return iso;
  return new Intl.DateTimeFormat(locale(), { dateStyle: "long", timeZone: "UTC" }).format(at);
}

export function weekdayTime(at: number): string {
  return new Intl.DateTimeFormat(locale(), { weekday: "long", hour: "numeric", minute: "2-digit" }).format(at * 1000);
}

export function relativeTime(at: number, from = now()): string {
  const gap = at - from;
  const size = Math.abs(gap);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  if (size < MINUTE) return format.format(0, "second");
  if (size < HOUR) return format.format(Math.round(gap / MINUTE), "minute");
  if (size < DAY) return format.format(Math.round(gap / HOUR), "hour");
  if (size < 30 * DAY) return format.format(Math.round(gap / DAY), "day");
  if (size < 365 * DAY) return format.format(Math.round(gap / (30 * DAY)), "month");
  return format.format(Math.round(gap / (365 * DAY)), "year");
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

/** For the axis of a chart. */
export function compact(value: number): string {
  return new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

export function percent(value: number): string {
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(value);
}

export function money(value: number, currency: string): string {
  const digits = value < 1 ? 4 : 2;
  return new Intl.NumberFormat(locale(), { style: "currency", currency, maximumFractionDigits: digits }).format(value);
}

export function ether(wei: number): string {
  const gwei = wei / 1e9;
  if (gwei < 1e6) return `${number(gwei, gwei < 10 ? 3 : 0)} gwei`;
  return `${number(wei / 1e18, 6)} ETH`;
}

export function bytes(size: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const style = { style: "unit", unit: units[unit] ?? "byte", unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(locale(), style).format(value);
}

export function shortHex(hex: string): string {
  return hex.length > 14 ? `${hex.slice(0, 8)}…${hex.slice(-4)}` : hex;
}
