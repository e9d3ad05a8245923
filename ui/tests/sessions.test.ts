/** Sessions, launcher and the keyboard. */
import { describe, expect, test } from "vitest";
import { account, ago, sessions } from "../src/backend/mock-data";
import { openWindow, type Window, withBrowser } from "./window";

withBrowser();

const rows = (w: Window) =>
  w.page
    .locator("[data-testid^='session-row-']")
    .evaluateAll((found) =>
      found.map((row) => (row.getAttribute("data-testid") ?? "").replace("session-row-", "")),
    );

async function signedIn() {
  const w = await openWindow("signed-in");
  await w.seen("session-row-vision-train");
  return w;
}

describe("the table", () => {
  test("hides what has ended until asked for it", async () => {
    const w = await signedIn();
    expect(await rows(w)).not.toContain("wav2vec-ko");
    await w.click("sessions-status-filter-ended");
    await w.seen("session-row-wav2vec-ko");
    expect(await rows(w)).toEqual(["wav2vec-ko", "hackathon-sandbox", "old-batch"]);
    expect(await w.text("sessions-status-filter-all")).toContain("10");
  });

  test("finds by name, image and status, all words", async () => {
    const w = await signedIn();
    await w.id("sessions-search").fill("pytorch running");
    await expect.poll(() => rows(w)).toEqual(["vision-train", "llm-eval-nightly"]);
    await w.id("sessions-search").fill("nothing like it");
    await w.seen("sessions-empty");
    await w.page.getByRole("button", { name: "Show all" }).click();
    await expect.poll(async () => (await rows(w)).length).toBe(10);
  });

  test("sorts, and says how", async () => {
    const w = await signedIn();
    const name = w.page.getByRole("columnheader", { name: "Name" });
    await name.getByRole("button").click();
    expect(await name.getAttribute("aria-sort")).toBe("ascending");
    expect((await rows(w))[0]).toBe("data-prep");
    await name.getByRole("button").click();
    expect((await rows(w))[0]).toBe("vision-train");
  });

  test("shows a status it does not know as it is, and news at once", async () => {
    const w = await signedIn();
    const changed = sessions.map((s) => (s.name === "data-prep" ? { ...s, status: "HIBERNATING" } : s));
    await w.emit({
      kind: "sessionsChanged",
      list: { profileId: "p-hanbit", sessions: changed, fetchedAt: ago(0), stale: null },
    });
    await w.reads("session-status-data-prep", "HIBERNATING");
  });

  test("keeps an old list, says why it is old, and tries again", async () => {
    const w = await signedIn();
    await w.failNext("refreshSessions", "unreachable", { address: "https://a.example", detail: "timed out" });
    await w.click("sessions-refresh");
    await w.reads("sessions-stale", "https://a.example cannot be reached.");
    expect(await w.attribute("sessions-stale", "data-code")).toBe("unreachable");
    await w.seen("session-row-vision-train");
    await w.click("retry");
    await w.gone("sessions-stale");
  });

  test("the backend's own stale list is a banner too, and leaves with fresh news", async () => {
    const w = await signedIn();
    const stale = { code: "rate-limited", message: "m", hint: "h", details: {} };
    const list = { profileId: "p-hanbit", sessions, fetchedAt: ago(330_000), stale };
    await w.emit({ kind: "sessionsChanged", list });
    await w.reads("sessions-stale", "5 min. ago");
    await w.emit({ kind: "sessionsChanged", list: { ...list, stale: null } });
    await w.gone("sessions-stale");
  });

  test("a list that never came is a page with a way out", async () => {
    const w = await openWindow("unreachable");
    await w.seen("sessions-failed");
    await w.click("retry");
    await w.seen("sessions-table");
  });

  test("draws a thousand sessions in steps", async () => {
    const w = await signedIn();
    const many = Array.from({ length: 1000 }, (_, n) => ({
      ...(sessions[0] as (typeof sessions)[number]),
      id: `id-${n}`,
      name: `s${n}`,
    }));
    await w.emit({
      kind: "sessionsChanged",
      list: { profileId: "p-hanbit", sessions: many, fetchedAt: ago(0), stale: null },
    });
    await w.page.getByRole("button", { name: "Show 800 more" }).click();
    await w.page.getByRole("button", { name: "Show 600 more" }).waitFor();
    expect(await rows(w)).toHaveLength(400);
  });
});

describe("the keyboard", () => {
  test("goes from the search field through the rows to the launcher and back", async () => {
    const w = await signedIn();
    await w.page.keyboard.press("/");
    await w.focusOn("sessions-search");
    await w.page.keyboard.press("ArrowDown");
    await w.focusOn("session-row-vision-train");
    await w.page.keyboard.press("ArrowDown");
    await w.focusOn("session-row-paper-notebook");
    await w.page.keyboard.press("End");
    await w.focusOn("session-row-robot-arm-policy");
    await w.page.keyboard.press("Home");
    await w.page.keyboard.press("Enter");
    await w.seen("launcher-app-sshd");
    await w.page.keyboard.press("Escape");
    await w.gone("launcher-dialog");
    await w.focusOn("session-row-vision-train");
  });

  test("Ctrl+1..4 are the pages; a slash typed into a field is a slash", async () => {
    const w = await signedIn();
    await w.page.keyboard.press("Control+4");
    await w.seen("settings-page");
    await w.page.keyboard.press("Control+2");
    await w.seen("connections-empty");
    await w.page.keyboard.press("Control+1");
    await w.id("sessions-search").fill("");
    await w.page.keyboard.type("a/b");
    expect(await w.id("sessions-search").inputValue()).toBe("a/b");
  });

  test("Escape closes the connection dialog", async () => {
    const w = await signedIn();
    await w.click("session-apps-vision-train");
    await w.click("launcher-app-sshd");
    await w.seen("connection-dialog");
    await w.page.keyboard.press("Escape");
    await w.gone("connection-dialog");
    await w.seen("session-proxy-vision-train");
  });
});

describe("the launcher", () => {
  test("offers what works and names the rest", async () => {
    const w = await signedIn();
    await w.click("session-apps-vision-train");
    await w.seen("launcher-app-sshd");
    expect(await w.page.locator(".app-tile").first().getAttribute("data-testid")).toBe("launcher-app-sshd");
    expect(await w.id("launcher-app-jupyter").count()).toBe(0);
    expect(await w.text("launcher-web")).toContain("Jupyter Notebook");
  });

  test("explains why a session that does not run has none, and notices when it does", async () => {
    const w = await signedIn();
    await w.click("session-apps-data-prep");
    await w.reads("launcher-error", "“data-prep” is PREPARING");
    expect(await w.attribute("launcher-error", "data-code")).toBe("session-not-running");
    await w.hold("sessionApps");
    const running = sessions.map((s) => (s.name === "data-prep" ? { ...s, status: "RUNNING" } : s));
    await w.emit({
      kind: "sessionsChanged",
      list: { profileId: "p-hanbit", sessions: running, fetchedAt: ago(0), stale: null },
    });
    await expect.poll(async () => (await w.calls("sessionApps")).length).toBe(2);
    // Until there is an answer, what was said stays.
    await w.page.locator("[data-testid=retry].ant-btn-loading").waitFor();
    await w.seen("launcher-error");
    await w.release("sessionApps");
    await w.page.locator("[data-testid=retry]:not(.ant-btn-loading)").waitFor();
    await w.seen("launcher-error");
  });

  test("asks again for the apps of a session when told to", async () => {
    const w = await signedIn();
    await w.failNext("sessionApps", "gateway", { address: "https://ai.example" });
    await w.click("session-apps-vision-train");
    await w.reads("launcher-error", "cannot reach its manager");
    await w.click("retry");
    await w.seen("launcher-app-sshd");
    await w.gone("launcher-error");
  });

  test("shows in place why an app did not open, and tries again", async () => {
    const w = await signedIn();
    await w.click("session-apps-vision-train");
    await w.failNext("connect", "app-failed", { session: "vision-train", app: "sshd" });
    await w.click("launcher-app-sshd");
    await w.reads("launcher-error", "did not open “sshd”");
    await w.click("retry");
    await w.seen("connection-dialog");
    await w.gone("launcher-dialog");
  });

  test("opens other TCP apps with host and port only", async () => {
    const w = await signedIn();
    await w.click("session-apps-vision-train");
    await w.click("launcher-app-vnc");
    await w.reads("connection-host", "127.0.0.1");
    expect(await w.id("connection-user").count()).toBe(0);
    expect(await w.id("connection-download-key").count()).toBe(0);
  });

  test("an expired login is asked for and the click goes on", async () => {
    const w = await signedIn();
    await w.click("session-apps-vision-train");
    await w.failNext("connect", "not-signed-in");
    await w.click("launcher-app-sshd");
    await w.seen("signin-again-dialog");
    await w.emit({ kind: "signInNeeded", account });
    expect(await w.text("signin-user")).toBe(account.user);
    await w.focusOn("signin-secret");
    await w.page.keyboard.type("secret");
    await w.page.keyboard.press("Enter");
    await w.gone("signin-again-dialog");
    await w.seen("connection-dialog");
  });
});

test("signing out says what it closes", async () => {
  const w = await signedIn();
  await w.click("session-apps-vision-train");
  await w.click("launcher-app-sshd");
  await w.seen("connection-dialog");
  await w.page.keyboard.press("Escape");
  await w.click("user-menu");
  await w.click("user-menu-signout");
  await w.page.getByText("The open port will be closed.").waitFor();
  await w.click("signout-confirm");
  await w.seen("signin-submit");
  expect(await w.id("signin-user").inputValue()).toBe(account.user);
});
