/** Signing in: what is asked, refused, explained and kept. */
import { describe, expect, test } from "vitest";
import { account, profiles } from "../src/backend/mock-data";
import type { SignInRequest } from "../src/bindings/SignInRequest";
import { openWindow, type Window, withBrowser } from "./window";

withBrowser();

const first = (more: object = {}) => openWindow("sign-in", { startup: { profiles: [], ...more } });

async function fill(w: Window, address: string, user: string, secret: string) {
  await w.id("signin-address").fill(address);
  await w.id("signin-user").fill(user);
  await w.id("signin-secret").fill(secret);
}

const requests = async (w: Window) => (await w.calls("signIn")).map(([r]) => r as SignInRequest);

describe("the form", () => {
  test("asks for what is missing, field by field, and sends nothing", async () => {
    const w = await first();
    for (const field of ["address", "user", "secret"]) {
      await w.click("signin-submit");
      await w.focusOn(`signin-${field}`);
      await w.id(`signin-${field}`).fill("x");
    }
    expect(await w.calls("signIn")).toEqual([]);
  });

  test("Enter sends it, as typed but without the spaces around", async () => {
    const w = await first();
    await fill(w, "  ai.example ", " me@example.com ", " a secret ");
    await w.page.keyboard.press("Enter");
    await w.seen("cluster-name");
    expect(await requests(w)).toEqual([
      {
        address: "ai.example",
        mode: "session",
        user: "me@example.com",
        secret: " a secret ",
        otp: null,
        force: false,
        remember: true,
        tls: { caFile: null, acceptInvalidCertificates: false },
      },
    ]);
  });

  test("a cluster used before fills everything but the secret", async () => {
    const w = await openWindow("sign-in");
    await w.click("signin-address");
    await w.page.getByText("edge-manager.factory.example").click();
    await w.focusOn("signin-secret");
    expect(await w.id("signin-address").inputValue()).toBe(profiles[1]?.address);
    expect(await w.id("signin-user").inputValue()).toBe(profiles[1]?.user);
    expect(await w.id("signin-ca-file").inputValue()).toBe("/etc/ssl/factory-ca.pem");
    await w.id("signin-secret").fill("key");
    await w.click("signin-submit");
    await w.seen("cluster-name");
    expect((await requests(w))[0]).toMatchObject({ mode: "api", tls: { caFile: "/etc/ssl/factory-ca.pem" } });
  });

  test("a cluster can be forgotten without choosing it", async () => {
    const w = await openWindow("sign-in");
    await w.click("signin-address");
    await w.page.getByRole("button", { name: "Forget https://edge-manager" }).click();
    await w.page.getByText("edge-manager.factory.example").waitFor({ state: "detached" });
    expect(await w.calls("forgetProfile")).toEqual([["p-edge"]]);
    expect(await w.id("signin-address").inputValue()).toBe(profiles[0]?.address);
  });

  test("an address typed out leaves the field below free to click", async () => {
    const w = await openWindow("sign-in");
    await w.id("signin-address").click();
    await w.page.keyboard.press("Control+A");
    await w.page.keyboard.type(profiles[1]?.address ?? "");
    await w.id("signin-user").click({ timeout: 3_000 });
    await w.focusOn("signin-user");
  });

  test("where no keychain is, it says so; where nothing is safe, it does not remember", async () => {
    const file = await first({ secretPlace: "file" });
    await file.page.getByText("in a file that only you can read").waitFor();
    const memory = await first({ secretPlace: "memory" });
    expect(await memory.id("signin-remember").isDisabled()).toBe(true);
    expect(await memory.id("signin-remember").isChecked()).toBe(false);
  });
});

describe("the server", () => {
  test("used before is asked at once", async () => {
    const w = await openWindow("sign-in");
    await w.reads("signin-server", "26.9.6");
    expect(await w.calls("probeServer")).toEqual([[profiles[0]?.address, profiles[0]?.tls]]);
  });

  test("is asked when its address is left, and sets the mode", async () => {
    const w = await first();
    await w.id("signin-address").fill("manager.example");
    await w.page.keyboard.press("Tab");
    await w.reads("signin-server", "Backend.AI 23.09.10");
    await w.page.getByLabel("Access key").waitFor();
    await w.id("signin-user").focus();
    await w.id("signin-address").focus();
    await w.id("signin-user").focus();
    expect(await w.calls("probeServer")).toHaveLength(1);
  });

  test("does not overrule a mode chosen meanwhile, but says so", async () => {
    const w = await first();
    await w.hold("probeServer");
    await w.id("signin-address").fill("manager.example");
    await w.page.keyboard.press("Tab");
    await w.click("signin-mode-api");
    await w.click("signin-mode-session");
    await w.release("probeServer");
    await w.seen("signin-server");
    await w.page.getByText("A manager takes an API keypair").waitFor();
    await w.page.getByLabel("E-mail or user name").waitFor();
  });

  test("that cannot be asked is reported at the address", async () => {
    const w = await first();
    await w.failNext("probeServer", "not-backend-ai", { address: "https://example.com" });
    await w.id("signin-address").fill("example.com");
    await w.page.keyboard.press("Tab");
    await w.reads("signin-server", "it is not a Backend.AI server");
    expect(await w.attribute("signin-server", "data-code")).toBe("not-backend-ai");
  });

  test("over plain http is warned about", async () => {
    const w = await first();
    await w.id("signin-address").fill("http://ai.example");
    await w.page.keyboard.press("Tab");
    await w.page.getByText("is not encrypted").waitFor();
  });

  test("an answer about an address changed meanwhile is dropped", async () => {
    const w = await first();
    await w.hold("probeServer");
    await w.id("signin-address").fill("manager.example");
    await w.page.keyboard.press("Tab");
    await w.id("signin-address").fill("ai.example");
    await w.release("probeServer");
    await w.page.keyboard.press("Tab");
    await w.reads("signin-server", "26.9.6");
    await w.page.getByLabel("E-mail or user name").waitFor();
  });
});

describe("a refusal", () => {
  test.for([
    ["wrong-credentials", "signin-secret"],
    ["unreachable", "signin-address"],
    ["tls", "signin-address"],
    ["email-not-verified", "signin-user"],
  ] as const)("%s has its own words, and %s in focus", async ([code, field]) => {
    const w = await first();
    await fill(w, "ai.example", "me", "secret");
    await w.failNext("signIn", code, { address: "https://ai.example", user: "me" });
    await w.click("signin-submit");
    await w.seen("signin-error");
    expect(await w.attribute("signin-error", "data-code")).toBe(code);
    expect(await w.text("signin-error")).not.toContain("In English");
    await w.focusOn(field);
    expect(await w.id("signin-secret").inputValue()).toBe("secret");
  });

  test("an unknown one keeps the sentences it came with", async () => {
    const w = await first();
    await fill(w, "ai.example", "me", "secret");
    await w.failNext("signIn", "moon-phase");
    await w.click("signin-submit");
    await w.reads("signin-error", "In English: moon-phase.");
  });

  test("for certificates opens what can be done about it", async () => {
    const w = await first();
    await fill(w, "ai.example", "me", "secret");
    await w.failNext("signIn", "tls", { address: "https://ai.example" });
    await w.click("signin-submit");
    await w.click("signin-insecure");
    await w.page.getByText("Anyone on the way").waitFor();
    await w.click("signin-submit");
    await w.seen("tag-insecure");
  });

  test("a one-time password is asked for, and asked again when wrong", async () => {
    const w = await first();
    await fill(w, "ai.example", "otp@example.com", "secret");
    await w.click("signin-submit");
    await w.focusOn("signin-otp");
    await w.page.keyboard.type("000 000");
    await w.page.keyboard.press("Enter");
    await w.reads("signin-error", "wrong or too old");
    await w.focusOn("signin-otp");
    await w.page.keyboard.type("123456");
    await w.page.keyboard.press("Enter");
    await w.seen("cluster-name");
    expect((await requests(w)).map((r) => r.otp)).toEqual([null, "000000", "123456"]);
  });

  test("a password that has expired is changed on the way in", async () => {
    const w = await first();
    await fill(w, "ai.example", "old@example.com", "summer2025");
    await w.click("signin-submit");
    await w.focusOn("new-password-first");
    await w.screenshot("sign-in-new-password");
    await w.fits();
    await w.page.keyboard.press("Enter");
    await w.page.getByText("Enter a new password.").waitFor();
    await w.page.keyboard.type("short");
    await w.page.keyboard.press("Tab");
    await w.focusOn("new-password-again");
    await w.page.keyboard.type("shirt");
    await w.page.keyboard.press("Enter");
    await w.page.getByText("The two passwords differ.").waitFor();
    await w.focusOn("new-password-again");
    await w.page.keyboard.type("short");
    await w.page.keyboard.press("Enter");
    await w.reads("new-password-error", "at least 8 characters");
    await w.focusOn("new-password-first");
    await w.page.keyboard.type("winter2026");
    await w.gone("new-password-error");
    await w.id("new-password-again").fill("winter2026");
    await w.page.keyboard.press("Enter");
    await w.seen("cluster-name");
    const asked = (await w.calls("changeExpiredPassword")) as [SignInRequest, string][];
    expect(asked.map(([request, password]) => [request.user, request.secret, password])).toEqual([
      ["old@example.com", "summer2025", "short"],
      ["old@example.com", "summer2025", "winter2026"],
    ]);
    expect((await requests(w)).map((r) => r.secret)).toEqual(["summer2025", "winter2026"]);
  });

  test("who does not want a new password goes back to the form", async () => {
    const w = await first();
    await fill(w, "ai.example", "old@example.com", "summer2025");
    await w.click("signin-submit");
    await w.focusOn("new-password-first");
    await w.page.getByRole("button", { name: "Back" }).click();
    expect(await w.id("signin-user").inputValue()).toBe("old@example.com");
    expect(await w.calls("changeExpiredPassword")).toEqual([]);
  });

  test("too many logins: asks, then pushes the oldest out", async () => {
    const w = await first();
    await fill(w, "ai.example", "many@example.com", "secret");
    await w.click("signin-submit");
    await w.click("signin-force");
    await w.seen("cluster-name");
    expect((await requests(w)).map((r) => r.force)).toEqual([false, true]);
  });
});

describe("without typing", () => {
  test("the demo cluster", async () => {
    const w = await first();
    await w.click("signin-demo");
    await w.reads("cluster-name", "Demo cluster");
    await w.seen("tag-demo");
  });

  test("no demo where the build has none", async () => {
    const w = await first({ demoAvailable: false });
    await w.seen("signin-submit");
    expect(await w.id("signin-demo").count()).toBe(0);
  });

  test("remembered credentials sign in by themselves", async () => {
    const w = await openWindow("restoring");
    await w.seen("signin-restoring");
    await w.emit({ kind: "signedIn", account });
    await w.seen("cluster-name");
  });

  test("or say why they do not, with the cluster filled in", async () => {
    const w = await openWindow("restoring");
    await w.seen("signin-restoring");
    await w.emit({
      kind: "signedOut",
      profileId: "p-edge",
      error: { code: "password-expired", message: "", hint: "", details: {} },
    });
    await w.reads("signin-signed-out", "The password has expired.");
    expect(await w.id("signin-user").inputValue()).toBe(profiles[1]?.user);
  });
});
