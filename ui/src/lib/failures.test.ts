import i18next from "i18next";
import { beforeAll, expect, test } from "vitest";
import type { Failure } from "../backend/backend";
import { asFailure } from "../backend/backend";
import { startI18n, switchLocale } from "../i18n";
import { describeFailure, failureLine, fieldOf } from "./failures";

const failure = (code: string, details: Failure["details"] = {}): Failure => ({
  code,
  message: "What Rust says.",
  hint: "What Rust advises.",
  details,
});

beforeAll(() => startI18n("ko"));

test("translates by code and puts the details in", () => {
  const said = describeFailure(i18next.t, failure("unreachable", { address: "https://a.example" }));
  expect(said.message).toBe("https://a.example에 연결할 수 없습니다.");
  expect(said.hint).toContain("VPN");
});

test("keeps Rust's sentence when a value the translation needs is missing", () => {
  const said = describeFailure(i18next.t, failure("unreachable"));
  expect(said.message).toBe("What Rust says.");
  expect(said.hint).toContain("VPN");
});

test("keeps Rust's sentences for a code it does not know", () => {
  expect(failureLine(i18next.t, failure("brand-new"))).toBe("What Rust says. What Rust advises.");
});

test("shows what the system said, once", () => {
  const tls = failure("tls", { address: "https://a.example", detail: "certificate has expired" });
  expect(describeFailure(i18next.t, tls).detail).toBe("certificate has expired");
  const hook = failure("refused-by-hook", { detail: "사내망에서만 로그인할 수 있습니다." });
  expect(describeFailure(i18next.t, hook)).toMatchObject({
    message: "클러스터가 로그인을 거부했습니다: 사내망에서만 로그인할 수 있습니다.",
    detail: null,
  });
});

test("values with markup or placeholders stay text", () => {
  const said = describeFailure(i18next.t, failure("session-ended", { session: "<b>{{port}}</b>" }));
  expect(said.message).toContain("<b>{{port}}</b>");
});

test("follows the language live", () => {
  switchLocale("en");
  expect(describeFailure(i18next.t, failure("otp-wrong")).message).toBe(
    "The one-time password is wrong or too old.",
  );
  switchLocale("ko");
});

test("knows the field a refusal is about", () => {
  expect(fieldOf(failure("wrong-credentials"))).toBe("secret");
  expect(fieldOf(failure("tls"))).toBe("address");
  expect(fieldOf(failure("otp-wrong"))).toBe("otp");
  expect(fieldOf(failure("rate-limited"))).toBeNull();
});

test("whatever was thrown becomes a failure", () => {
  expect(asFailure("command not found").code).toBe("internal");
  expect(asFailure(new globalThis.Error("boom")).message).toBe("boom");
  expect(asFailure({ code: "tls", message: "m" })).toEqual({
    code: "tls",
    message: "m",
    hint: "",
    details: {},
  });
});
