/** Settings, About, and what must hold on every screen. */
import { describe, expect, test } from "vitest";
import type { Settings } from "../src/bindings/Settings";
import { openWindow, type Window, withBrowser } from "./window";

withBrowser();

async function settingsPage() {
  const w = await openWindow("signed-in");
  await w.click("nav-settings");
  await w.seen("settings-page");
  return w;
}

const sent = async (w: Window) => (await w.calls("updateSettings")).map(([s]) => s as Settings);

describe("the preferred SSH port", () => {
  test("is kept on Enter and says so", async () => {
    const w = await settingsPage();
    expect(await w.id("settings-preferred-port").inputValue()).toBe("10022");
    await w.id("settings-preferred-port").fill("22022");
    await w.page.keyboard.press("Enter");
    await w.seen("settings-saved");
    expect((await sent(w)).map((s) => s.preferredSshPort)).toEqual([22022]);
    expect(await w.id("settings-preferred-port-advice").count()).toBe(0);
  });

  test("is kept when the field is left, once", async () => {
    const w = await settingsPage();
    await w.id("settings-preferred-port").fill("2022");
    await w.page.keyboard.press("Tab");
    await w.seen("settings-saved");
    await w.seen("settings-preferred-port-advice");
    await w.id("settings-preferred-port").focus();
    await w.page.keyboard.press("Tab");
    expect(await sent(w)).toHaveLength(1);
  });

  test("blank means automatic", async () => {
    const w = await settingsPage();
    await w.id("settings-preferred-port").fill("");
    await w.page.keyboard.press("Enter");
    await w.seen("settings-saved");
    expect((await sent(w))[0]?.preferredSshPort).toBeNull();
  });

  test.for(["80", "1023", "65536", "70000", "-5", "22a"])(
    "%s is refused in place and not kept",
    async (text) => {
      const w = await settingsPage();
      await w.id("settings-preferred-port").fill(text);
      await w.page.keyboard.press("Enter");
      await w.reads("settings-preferred-port-error", "1024 to 65535");
      expect(await sent(w)).toEqual([]);
      expect(await w.id("settings-preferred-port").inputValue()).toBe(text);
      await w.id("settings-preferred-port").fill("40000");
      await w.gone("settings-preferred-port-error");
    },
  );

  test("a refusal by the backend is shown, and not called saved", async () => {
    const w = await settingsPage();
    await w.failNext("updateSettings", "disk-full", { path: "/home/jiwoo/settings.json" });
    await w.id("settings-preferred-port").fill("22022");
    await w.page.keyboard.press("Enter");
    await w.reads("settings-preferred-port-error", "There is no room left");
    expect(await w.id("settings-saved").count()).toBe(0);
  });
});

test("language and theme change at once and are kept", async () => {
  const w = await settingsPage();
  await w.click("settings-language-ko");
  await w.reads("nav-sessions", "세션");
  expect(await w.page.getAttribute("html", "lang")).toBe("ko");
  await w.click("settings-theme-dark");
  await w.page.locator("html[data-theme='dark']").waitFor();
  expect((await sent(w)).at(-1)).toEqual({ preferredSshPort: 10022, language: "ko", theme: "dark" });
});

test("the system's language is taken when it is one of ours", async () => {
  const korean = await openWindow("sign-in", { locale: "ko-KR" });
  await korean.reads("signin-submit", "로그인");
  const german = await openWindow("sign-in", { locale: "de-DE" });
  await german.reads("signin-submit", "Sign in");
});

test("About shows both versions and whether they fit", async () => {
  const w = await openWindow("signed-in");
  await w.click("user-menu");
  await w.click("user-menu-about");
  await w.reads("about-app-version", "0.1.0");
  expect(await w.text("about-server-version")).toBe("26.9.6");
  expect(await w.text("about-api-version")).toBe("v9.20250722");
  expect(await w.attribute("about-compatibility", "data-fit")).toBe("supported");
  await w.click("about-copy");
  await expect.poll(async () => (await w.copied()).at(-1)).toContain("Backend.AI 26.9.6");
});

test("a start that fails says why and can be repeated", async () => {
  const w = await openWindow("broken");
  await w.reads("startup-error", "Something inside Berth went wrong.");
  await w.page.getByRole("button", { name: "Try again" }).click();
  await w.seen("cluster-name");
});

describe("on every screen", () => {
  test("each control has a name", async () => {
    const w = await openWindow("signed-in");
    await w.seen("session-row-vision-train");
    const check = async () =>
      w.page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>("button, input, a[href], [role='button']")]
          .filter((e) => e.checkVisibility({ visibilityProperty: true }))
          .filter(
            (e) =>
              !(
                e.getAttribute("aria-label") ||
                e.textContent?.trim() ||
                e.querySelector("[aria-label]") ||
                (e instanceof HTMLInputElement && e.labels?.length)
              ),
          )
          .map((e) => e.outerHTML.slice(0, 160)),
      );
    expect(await check()).toEqual([]);
    await w.click("session-apps-vision-train");
    await w.click("launcher-app-sshd");
    await w.seen("connection-dialog");
    expect(await check()).toEqual([]);
    await w.page.keyboard.press("Escape");
    await w.click("nav-connections");
    await w.seen("connections-table");
    expect(await check()).toEqual([]);
    await w.click("nav-settings");
    await w.seen("settings-page");
    expect(await check()).toEqual([]);
  });

  test("dialogs are dialogs, and keep the focus inside", async () => {
    const w = await openWindow("signed-in");
    await w.click("session-apps-vision-train");
    await w.seen("launcher-app-sshd");
    const dialog = w.page.getByRole("dialog", { name: "Apps of vision-train" });
    await dialog.waitFor();
    await w.focusOn("launcher-app-sshd");
    for (let n = 0; n < 8; n += 1) {
      await w.page.keyboard.press("Tab");
      // Past the last one the focus leaves for the browser's own controls, never for the page behind.
      expect(
        await dialog.evaluate(
          (d) => d.contains(document.activeElement) || document.activeElement === document.body,
        ),
      ).toBe(true);
    }
  });
});

test("the password is changed from the user menu", async () => {
  const w = await openWindow("signed-in");
  await w.click("user-menu");
  await w.click("user-menu-password");
  await w.focusOn("change-password-current");
  await w.screenshot("change-password");
  await w.page.keyboard.press("Enter");
  await w.page.getByText("Enter your current password.").waitFor();
  await w.focusOn("change-password-current");
  await w.page.keyboard.type("wrong");
  await w.page.keyboard.press("Tab");
  await w.page.keyboard.type("winter2026");
  await w.page.keyboard.press("Tab");
  await w.page.keyboard.type("winter2026");
  await w.page.keyboard.press("Enter");
  await w.reads("change-password-error", "The current password is wrong.");
  await w.focusOn("change-password-current");
  await w.page.keyboard.type("summer2025");
  await w.page.keyboard.press("Enter");
  await w.page.getByText("The password has been changed.").waitFor();
  await w.gone("change-password-dialog");
  expect(await w.calls("changePassword")).toEqual([
    ["wrong", "winter2026"],
    ["summer2025", "winter2026"],
  ]);
});
