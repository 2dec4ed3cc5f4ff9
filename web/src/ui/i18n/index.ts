/**
 * Words. A message is named by its English text; `en.json` holds what English itself needs
 * (plurals), the other files every message. A language is loaded when it is chosen.
 */
import i18next, { type TFunction } from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";

import en from "./en.json";

export const LANGUAGES = { en: "English", es: "Español" } as const;
export type Language = keyof typeof LANGUAGES;

const CHOICE = "stele.language";

function isLanguage(code: string | null | undefined): code is Language {
  return code != null && Object.hasOwn(LANGUAGES, code);
}

function preferred(): Language {
  const chosen = localStorage.getItem(CHOICE);
  if (isLanguage(chosen)) return chosen;
  const asked = navigator.languages.map((code) => code.slice(0, 2));
  return asked.find(isLanguage) ?? "en";
}

async function load(language: Language): Promise<void> {
  if (i18next.hasResourceBundle(language, "translation")) return;
  const messages = await import("./es.json");
  i18next.addResourceBundle(language, "translation", messages.default);
}

function apply(language: Language): void {
  document.documentElement.lang = language;
  document.documentElement.dir = i18next.dir(language);
}

export async function startWords(): Promise<void> {
  const language = preferred();
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    keySeparator: false,
    nsSeparator: false,
    // React escapes whatever it shows.
    interpolation: { escapeValue: false },
  });
  await speak(language);
}

/** Change the language of the app, and remember it. */
export async function speak(language: Language): Promise<void> {
  await load(language);
  await i18next.changeLanguage(language);
  apply(language);
}

export function chooseLanguage(language: Language): Promise<void> {
  localStorage.setItem(CHOICE, language);
  return speak(language);
}

export function language(): Language {
  return isLanguage(i18next.language) ? i18next.language : "en";
}

export type Words = TFunction;

export function useT(): Words {
  return useTranslation().t;
}

/** For code outside components. */
export function say(key: string, values?: Record<string, unknown>): string {
  return i18next.t(key, values ?? {});
}
