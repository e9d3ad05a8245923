/** Every screen, light and dark and some in Korean, as pictures to look at; what must be on each is asserted. */
import { test } from "vitest";
import { account, ago, makeConnection, sessions } from "../src/backend/mock-data";
import type { Connection } from "../src/bindings/Connection";
import type { Settings } from "../src/bindings/Settings";
import type { SshConfigPreview } from "../src/bindings/SshConfigPreview";
import { type OpenOptions, openWindow, type Window, withBrowser } from "./window";

withBrowser();

const [train, notebook, nightly] = sessions;
if (train === undefined || notebook === undefined || nightly === undefined) throw new Error("mock data");

const busy: Connection = makeConnection(train, "sshd", 10022, {
  traffic: { open: 2, total: 5, bytesUp: 48_312_441, bytesDown: 3_221_225_472, busySince: ago(240_000) },
  openedAt: ago(7_200_000),
});
const other: Connection = makeConnection(notebook, "sshd", 30722, {
  portReason: {
    kind: "random",
    preferredRefused: { port: 10022, cause: "inUse", heldBy: "vision-train" },
  },
  traffic: { open: 0, total: 3, bytesUp: 18_200, bytesDown: 918_400, busySince: null },
  openedAt: ago(1_500_000),
  incident: {
    at: ago(120_000),
    error: {
      code: "silent",
      message: "The connection fell silent.",
      hint: "Connect again.",
      details: { session: "paper-notebook" },
    },
  },
});
const vnc: Connection = makeConnection(nightly, "vnc", 41200, {
  state: "signInNeeded",
  portReason: { kind: "lastTime", preferredRefused: null },
  openedAt: ago(600_000),
});
const connections = [busy, other, vnc];

interface Screen {
  name: string;
  scenario: string;
  options?: OpenOptions;
  show: (window: Window) => Promise<void>;
}

const openSsh = async (window: Window, name: string) => {
  await window.click(`session-apps-${name}`);
  await window.click("launcher-app-sshd");
  await window.seen("connection-dialog");
};

const ownHosts: SshConfigPreview = {
  target: "/home/jiwoo/dotfiles/ssh/config",
  creates: false,
  below: ["# work", "Host gpu-gateway", "  User jiwoo"],
  backup: "/home/jiwoo/.ssh/config.before-berth",
  byteOrderMark: false,
  ownHosts: [{ pattern: "old.hanbit-lab.berth", file: "/home/jiwoo/.ssh/config", line: 12 }],
};

const screens: Screen[] = [
  { name: "restoring", scenario: "restoring", show: (w) => w.seen("signin-restoring") },
  {
    name: "sign-in",
    scenario: "sign-in",
    show: async (w) => {
      await w.id("signin-address").focus();
      await w.page.keyboard.press("Escape");
      await w.page.keyboard.press("Tab");
      await w.reads("signin-server", "26.9.6");
    },
  },
  {
    name: "sign-in-first-time",
    scenario: "sign-in",
    options: { startup: { profiles: [], secretPlace: "file" } },
    show: (w) => w.seen("signin-demo"),
  },
  {
    name: "sign-in-history",
    scenario: "sign-in",
    show: async (w) => {
      await w.click("signin-address");
      await w.page.locator(".profile-option").nth(1).waitFor();
    },
  },
  {
    name: "sign-in-refused",
    scenario: "sign-in",
    show: async (w) => {
      await w.id("signin-secret").fill("wrong");
      await w.click("signin-submit");
      await w.seen("signin-error");
    },
  },
  {
    name: "sign-in-warnings",
    scenario: "sign-in",
    show: async (w) => {
      await w.id("signin-address").fill("http://10.1.2.3:8081");
      await w.page.keyboard.press("Tab");
      await w.reads("signin-server", "manager");
      await w.click("signin-advanced");
      await w.click("signin-insecure");
    },
  },
  {
    name: "sign-in-otp",
    scenario: "sign-in",
    show: async (w) => {
      await w.id("signin-user").fill("otp@hanbit-lab.example");
      await w.id("signin-secret").fill("secret");
      await w.click("signin-submit");
      await w.focusOn("signin-otp");
      await w.id("signin-otp").fill("000000");
      await w.click("signin-submit");
      await w.seen("signin-error");
    },
  },
  {
    name: "sessions",
    scenario: "signed-in",
    options: { startup: { connections } },
    show: (w) => w.seen("session-row-vision-train"),
  },
  {
    name: "sessions-all",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("sessions-status-filter-all");
      await w.seen("session-row-old-batch");
    },
  },
  { name: "sessions-loading", scenario: "loading", show: (w) => w.seen("sessions-loading") },
  {
    name: "sessions-failed",
    scenario: "unreachable",
    show: (w) => w.seen("sessions-failed"),
  },
  {
    name: "sessions-empty",
    scenario: "empty",
    show: (w) => w.seen("sessions-empty"),
  },
  {
    name: "sessions-stale",
    scenario: "signed-in",
    show: async (w) => {
      await w.seen("session-row-vision-train");
      await w.failNext("refreshSessions", "gateway", { address: "https://ai.hanbit-lab.example" });
      await w.click("sessions-refresh");
      await w.seen("sessions-stale");
      await w.page.mouse.move(0, 0);
      await w.page.locator(".ant-tooltip").waitFor({ state: "hidden" });
    },
  },
  {
    name: "user-menu",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("user-menu");
      await w.seen("user-menu-signout");
    },
  },
  {
    name: "launcher",
    scenario: "signed-in",
    options: { startup: { connections } },
    show: async (w) => {
      await w.click("session-apps-vision-train");
      await w.seen("launcher-app-sshd");
    },
  },
  {
    name: "launcher-not-running",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("session-apps-diffusion-xl-lora");
      await w.seen("launcher-error");
    },
  },
  {
    name: "connection",
    scenario: "signed-in",
    show: async (w) => {
      await openSsh(w, "vision-train");
      await w.patchConnection("c-vision-train-sshd", { traffic: busy.traffic });
    },
  },
  {
    name: "connection-no-answer",
    scenario: "signed-in",
    show: async (w) => {
      await openSsh(w, "vision-train");
      await w.patchConnection("c-vision-train-sshd", { traffic: busy.traffic, silentSince: ago(9000) });
      await w.seen("connection-no-answer");
    },
  },
  {
    name: "connection-saved-key",
    scenario: "signed-in",
    options: { startup: { connections } },
    show: async (w) => {
      await w.click("session-proxy-paper-notebook");
      await w.click("connection-download-key");
      await w.seen("connection-saved-key");
      await w.click("connection-copy-ssh");
    },
  },
  {
    name: "connection-tcp",
    scenario: "signed-in",
    options: { startup: { connections } },
    show: async (w) => {
      await w.click("session-proxy-llm-eval-nightly");
      await w.seen("connection-host");
    },
  },
  {
    name: "open-in",
    scenario: "signed-in",
    options: { sshHosts: { installed: true } },
    show: async (w) => {
      await openSsh(w, "vision-train");
      await w.click("open-in");
      await w.seen("open-in-vscode");
      await w.page.mouse.move(0, 0);
    },
  },
  {
    name: "ssh-hosts",
    scenario: "signed-in",
    options: { sshHosts: { preview: ownHosts } },
    show: async (w) => {
      await openSsh(w, "vision-train");
      await w.click("open-in");
      await w.click("open-in-vscode");
      await w.seen("ssh-hosts-preview");
    },
  },
  {
    name: "connection-ppk",
    scenario: "signed-in",
    show: async (w) => {
      await openSsh(w, "vision-train");
      await w.click("connection-save-ppk");
      await w.click("ppk-save");
      await w.seen("ppk-saved");
      await w.id("ppk-saved").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "keys",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("nav-keys");
      await w.seen("keys-account");
    },
  },
  {
    name: "keys-add",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("nav-keys");
      await w.click("keys-add-id_ed25519.pub");
      await w.click("add-key-confirm");
      await w.seen("add-key-done");
    },
  },
  {
    name: "keys-renew",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("nav-keys");
      await w.click("keys-renew");
      await w.seen("keys-renew-dialog");
    },
  },
  {
    name: "settings-hosts",
    scenario: "signed-in",
    options: { sshHosts: { installed: true } },
    show: async (w) => {
      await w.click("nav-settings");
      await w.seen("settings-ssh-hosts-example");
    },
  },
  {
    name: "connections",
    scenario: "signed-in",
    options: { startup: { connections } },
    show: async (w) => {
      await w.click("nav-connections");
      await w.seen("connections-table");
    },
  },
  {
    name: "connections-empty",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("nav-connections");
      await w.seen("connections-empty");
    },
  },
  {
    name: "sign-in-again",
    scenario: "signed-in",
    options: { startup: { connections } },
    show: async (w) => {
      await openSsh(w, "vision-train");
      await w.emit({ kind: "signInNeeded", account });
      await w.seen("signin-again-dialog");
    },
  },
  {
    name: "settings",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("nav-settings");
      await w.id("settings-preferred-port").fill("80");
      await w.page.keyboard.press("Enter");
      await w.seen("settings-preferred-port-error");
    },
  },
  {
    name: "about",
    scenario: "signed-in",
    show: async (w) => {
      await w.click("user-menu");
      await w.click("user-menu-about");
      await w.reads("about-server-version", "26.9.6");
    },
  },
];

const ENGLISH: Settings = { preferredSshPort: 10022, language: "en", theme: "light" };

/** One window per screen, changed live from look to look: what a user may do at any moment. */
const looks: { suffix: string; settings: Settings; size?: { width: number; height: number } }[] = [
  { suffix: "light", settings: ENGLISH },
  { suffix: "dark", settings: { ...ENGLISH, theme: "dark" } },
  { suffix: "ko", settings: { ...ENGLISH, language: "ko" } },
  { suffix: "small", settings: ENGLISH, size: { width: 800, height: 560 } },
];

test.for(screens)("$name", async (screen) => {
  const window = await openWindow(screen.scenario, screen.options);
  await screen.show(window);
  for (const { suffix, settings, size } of looks) {
    await window.emit({ kind: "settingsChanged", settings });
    await window.drawnIn(settings);
    if (size !== undefined) {
      await window.page.mouse.move(0, 0);
      await window.page.setViewportSize(size);
    }
    await window.fits();
    await window.screenshot(`${screen.name}-${suffix}`);
  }
});
