/** Words: two catalogues with the same keys, switched live; the system's language unless chosen. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import type { Language } from "./bindings/Language";
import en from "./locales/en.json";
import ko from "./locales/ko.json";

export type Locale = "en" | "ko";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en };
  }
}

/** The catalogue for a choice of language and the languages of the system, best first. */
export function localeFor(choice: Language, system: readonly string[]): Locale {
  if (choice !== "system") return choice;
  for (const language of system) {
    const primary = language.toLowerCase().split("-")[0];
    if (primary === "ko" || primary === "en") return primary;
  }
  return "en";
}

export async function startI18n(locale: Locale): Promise<void> {
  await i18next.use(initReactI18next).init({
    resources: { en: { translation: en }, ko: { translation: ko } },
    lng: locale,
    fallbackLng: "en",
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  document.documentElement.lang = locale;
}

export function switchLocale(locale: Locale): void {
  document.documentElement.lang = locale;
  if (i18next.language !== locale) void i18next.changeLanguage(locale);
}
