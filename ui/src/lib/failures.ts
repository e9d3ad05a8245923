/** Failures as words of the screen's language: by code and details, else Rust's own English sentences. */
import type { TFunction } from "i18next";
import i18next from "i18next";
import type { Failure } from "../backend/backend";

export interface Sentence {
  message: string;
  hint: string;
  /** What the system or the server said, when the sentence does not contain it already. */
  detail: string | null;
}

/** The catalogue's text for `key`, when it exists and every value it mentions is at hand. */
function translated(t: TFunction, key: string, details: Failure["details"]): string | null {
  if (!i18next.exists(key)) return null;
  const raw: unknown = i18next.getResource(i18next.language, "translation", key);
  if (typeof raw !== "string") return null;
  for (const [, name] of raw.matchAll(/\{\{\s*(\w+)\s*\}\}/g)) {
    if (name !== undefined && !details[name]) return null;
  }
  return (t as (key: string, values: object) => string)(key, details);
}

export function describeFailure(t: TFunction, failure: Failure): Sentence {
  const message = translated(t, `errors.${failure.code}.message`, failure.details) ?? failure.message;
  const hint = translated(t, `errors.${failure.code}.hint`, failure.details) ?? failure.hint;
  const said = failure.details.detail ?? failure.details.reason ?? null;
  const detail = said !== null && said !== "" && !message.includes(said) ? said : null;
  return { message, hint, detail };
}

/** One line for toasts. */
export function failureLine(t: TFunction, failure: Failure): string {
  const { message, hint } = describeFailure(t, failure);
  return hint === "" ? message : `${message} ${hint}`;
}

export type SignInField = "address" | "user" | "secret" | "otp";

const FIELDS: Readonly<Record<string, SignInField>> = {
  "address-invalid": "address",
  unreachable: "address",
  tls: "address",
  "not-backend-ai": "address",
  "server-too-old": "address",
  "bad-answer": "address",
  gateway: "address",
  "email-not-verified": "user",
  "no-keypair": "user",
  "wrong-credentials": "secret",
  "otp-wrong": "otp",
  "otp-required": "otp",
};

/** The field of the sign-in form that a failure is about, if one is. */
export function fieldOf(failure: Failure): SignInField | null {
  return FIELDS[failure.code] ?? null;
}
