/** Other programs, hosts of ssh, PuTTY's keys, and keys of the user's own. */
import { describe, expect, test } from "vitest";
import { makeConnection, sessions } from "../src/backend/mock-data";
import { ownKeys } from "../src/backend/mock-handover";
import type { Session } from "../src/bindings/Session";
import { type OpenOptions, openWindow, withBrowser } from "./window";

withBrowser();

const ID = "c-vision-train-sshd";

async function connected(options: OpenOptions = {}) {
  const connection = makeConnection(sessions[0] as Session, "sshd", 30722);
  const w = await openWindow("signed-in", { startup: { connections: [connection] }, ...options });
  await w.click("session-proxy-vision-train");
  await w.seen("connection-dialog");
  return w;
}

describe("What the WebUI opened", () => {
  const port = makeConnection(sessions[0] as Session, "sshd", 30722);

  test("is shown as it is now, and opens in a program from there", async () => {
    const w = await openWindow("signed-in", {
      startup: { connections: [port] },
      sshHosts: { installed: true },
    });
    await w.emit({ kind: "openedByWebUi", id: ID });
    await w.reads("webui-opened", "127.0.0.1:30722");
    await w.reads("webui-opened-state", "Listening");
    await w.patchConnection(ID, { traffic: { ...port.traffic, open: 2 } });
    await w.reads("webui-opened-state", "In use by 2 programs");
    await w.click("webui-open-in");
    await w.screenshot("webui-notice");
    await w.click("webui-open-in-vscode");
    await expect.poll(() => w.calls("openIn")).toEqual([[ID, "vscode"]]);
    await w.click("webui-opened-show");
    await w.seen("connection-dialog");
    await w.gone("webui-opened");
  });

  test("goes with its port, and says so in Korean, too", async () => {
    const w = await openWindow("signed-in", { startup: { connections: [port] }, locale: "ko-KR" });
    await w.emit({ kind: "openedByWebUi", id: ID });
    await w.reads("webui-opened-state", "대기 중");
    await w.reads("webui-open-in", "열기");
    await w.click("webui-open-in");
    await w.click("webui-open-in-cursor");
    await w.seen("ssh-hosts-dialog");
    await w.click("ssh-hosts-add");
    await expect.poll(() => w.calls("openIn")).toEqual([[ID, "cursor"]]);
    await w.emit({ kind: "connectionRemoved", id: ID });
    await w.gone("webui-opened");
  });

  test("has no programs to open for other apps", async () => {
    const vnc = makeConnection(sessions[0] as Session, "vnc", 30723);
    const w = await openWindow("signed-in", { startup: { connections: [vnc] } });
    await w.emit({ kind: "openedByWebUi", id: vnc.id });
    await w.seen("webui-opened-show");
    expect(await w.id("webui-open-in").count()).toBe(0);
  });
});

describe("Open in", () => {
  test("lists the installed programs, then the others with a link", async () => {
    const w = await connected({ sshHosts: { installed: true } });
    await w.click("open-in");
    for (const id of ["vscode", "cursor", "terminal", "files", "filezilla"]) await w.seen(`open-in-${id}`);
    expect(await w.id("open-in-zed").count()).toBe(0);
    await w.click("open-in-more");
    await w.reads("open-in-get-zed", "Get Zed");
    await w.click("open-in-get-zed");
    expect(await w.calls("openToolPage")).toEqual([["zed"]]);
  });

  test("starts a program at once where sessions are hosts of ssh", async () => {
    const w = await connected({ sshHosts: { installed: true } });
    await w.reads("connection-ssh-host", "vision-train.hanbit-lab.berth");
    await w.click("open-in");
    await w.click("open-in-vscode");
    await expect.poll(() => w.calls("openIn")).toEqual([[ID, "vscode"]]);
    await w.gone("open-in-vscode");
  });

  test("shows the change to the ssh config first where they are not", async () => {
    const w = await connected();
    expect(await w.id("connection-ssh-host").count()).toBe(0);
    await w.click("open-in");
    await w.click("open-in-cursor");
    await w.reads("ssh-hosts-preview", "+ Include berth_config");
    await w.reads("ssh-hosts-preview", "Host gpu-gateway");
    expect(await w.calls("openIn")).toEqual([]);
    await w.reads("ssh-hosts-add", "Add and open in Cursor");
    await w.click("ssh-hosts-add");
    await w.gone("ssh-hosts-dialog");
    await expect.poll(() => w.calls("openIn")).toEqual([[ID, "cursor"]]);
    await w.seen("connection-ssh-host");
  });

  test("a cancelled change opens nothing", async () => {
    const w = await connected();
    await w.click("open-in");
    await w.click("open-in-vscode");
    await w.seen("ssh-hosts-preview");
    await w.page.keyboard.press("Escape");
    await w.gone("ssh-hosts-dialog");
    await w.seen("connection-dialog");
    expect(await w.calls("installSshHosts")).toEqual([]);
    expect(await w.calls("openIn")).toEqual([]);
  });

  test("programs with an SSH of their own need no host", async () => {
    const w = await connected();
    await w.click("open-in");
    await w.click("open-in-filezilla");
    await expect.poll(() => w.calls("openIn")).toEqual([[ID, "filezilla"]]);
  });

  test("says why a program did not start", async () => {
    const w = await connected();
    await w.failNext("openIn", "tool-failed", { tool: "FileZilla", detail: "no such file" });
    await w.click("open-in");
    await w.click("open-in-filezilla");
    await w.reads("open-in-error", "FileZilla could not be started.");
  });

  test("is worked by the keyboard", async () => {
    const w = await connected({ sshHosts: { installed: true } });
    await w.id("open-in").focus();
    await w.page.keyboard.press("Enter");
    await w.seen("open-in-vscode");
    await w.page.keyboard.press("ArrowDown");
    await w.page.keyboard.press("ArrowDown");
    await w.page.keyboard.press("Enter");
    await expect.poll(async () => (await w.calls("openIn")).length).toBe(1);
  });
});

describe("hosts of ssh", () => {
  test("are switched on after a preview and off at once", async () => {
    const w = await openWindow("signed-in");
    await w.click("nav-settings");
    await w.click("settings-ssh-hosts");
    await w.seen("ssh-hosts-preview");
    expect(await w.attribute("settings-ssh-hosts", "aria-checked")).toBe("false");
    await w.click("ssh-hosts-add");
    await w.reads("settings-ssh-hosts-example", "ssh vision-train.hanbit-lab.berth");
    expect(await w.attribute("settings-ssh-hosts", "aria-checked")).toBe("true");
    await w.click("settings-ssh-hosts");
    await w.gone("settings-ssh-hosts-example");
    expect(await w.calls("uninstallSshHosts")).toEqual([[]]);
  });

  test("explain a config that another program writes", async () => {
    const details = { path: "/home/jiwoo/.ssh/config", by: "chezmoi", line: "Include berth_config" };
    const problem = { code: "ssh-config-managed", message: "m", hint: "h", details };
    const w = await openWindow("signed-in", { sshHosts: { preview: null, problem } });
    await w.click("nav-settings");
    await w.click("settings-ssh-hosts");
    await w.reads("ssh-hosts-problem", "managed by chezmoi");
    await w.reads("ssh-hosts-problem", "Include berth_config");
    expect(await w.id("ssh-hosts-add").isDisabled()).toBe(true);
  });

  test("say what went wrong while they were added", async () => {
    const w = await openWindow("signed-in");
    await w.failNext("installSshHosts", "file-not-writable", { path: "/home/jiwoo/.ssh/config" });
    await w.click("nav-settings");
    await w.click("settings-ssh-hosts");
    await w.click("ssh-hosts-add");
    await w.reads("ssh-hosts-problem", "/home/jiwoo/.ssh/config cannot be written.");
    await w.click("ssh-hosts-add");
    await w.gone("ssh-hosts-dialog");
  });
});

describe("PuTTY's format", () => {
  test("is saved for new and old programs, with a passphrase if wanted", async () => {
    const w = await connected();
    await w.click("connection-save-ppk");
    await w.click("ppk-save");
    await w.reads("ppk-saved", "/home/jiwoo/.ssh/id_container.ppk");
    expect(await w.text("connection-command-putty")).toContain("putty -ssh -P 30722");
    await w.click("ppk-old");
    await w.id("ppk-passphrase").fill("비밀 words");
    await w.page.keyboard.press("Enter");
    await expect
      .poll(() => w.calls("saveSshKeyAsPpk"))
      .toEqual([
        [ID, { old: false, passphrase: null }],
        [ID, { old: true, passphrase: "비밀 words" }],
      ]);
    await expect.poll(() => w.id("ppk-passphrase").inputValue()).toBe("");
  });

  test("a refused key is told", async () => {
    const w = await connected();
    await w.failNext("saveSshKeyAsPpk", "disk-full", { path: "/media/stick/k.ppk" });
    await w.click("connection-save-ppk");
    await w.click("ppk-save");
    await w.reads("ppk-error", "There is no room left for /media/stick/k.ppk.");
  });
});

describe("the session's key", () => {
  test("is said to be the account's where it is", async () => {
    const w = await connected();
    await w.reads("connection-key-origin", "This session's own key");
    const connection = makeConnection(sessions[0] as Session, "sshd", 30722);
    const account = ownKeys.account;
    if (account === null || connection.key === null) throw new Error("the mock has both");
    const same = { ...account, fingerprint: connection.key.fingerprint };
    const v = await connected({ ownKeys: { account: same } });
    await v.reads("connection-key-origin", "Your account's key");
  });
});

describe("a key whose permissions were widened", () => {
  test("is noticed beside the session's key and mended in one click", async () => {
    const connection = makeConnection(sessions[0] as Session, "sshd", 30722);
    const fingerprint = connection.key?.fingerprint ?? "";
    const path = "/home/jiwoo/Downloads/id_container";
    const saved = [{ path, session: "vision-train", fingerprint, tooOpen: true }];
    const w = await connected({ ownKeys: { saved } });
    await w.reads("key-too-open", "Permissions are too open");
    await w.click("key-mend");
    await w.gone("key-too-open");
    expect(await w.calls("mendKey")).toEqual([[path]]);
  });
});

describe("the page of keys", () => {
  async function keysPage(options: OpenOptions = {}) {
    const w = await openWindow("signed-in", options);
    await w.seen("nav-keys");
    await w.page.keyboard.press("Control+3");
    await w.seen("keys-page");
    return w;
  }

  test("shows the account's key and what is on this computer", async () => {
    const w = await keysPage();
    expect(await w.text("keys-account")).toBe(`ssh-rsa ${ownKeys.account?.fingerprint}`);
    await w.click("keys-account-copy");
    expect((await w.copied()).at(-1)).toBe(ownKeys.account?.line);
    await w.reads("keys-local-id_ed25519.pub", "jiwoo@laptop");
    expect(await w.id("key-too-open").count()).toBe(2);
  });

  test("warns before it makes a new key", async () => {
    const w = await keysPage();
    await w.click("keys-renew");
    await w.reads("keys-renew-dialog", "The old key stops working");
    expect(await w.calls("renewAccountKey")).toEqual([]);
    await w.failNext("renewAccountKey", "forbidden");
    await w.click("keys-renew-confirm");
    await w.reads("keys-renew-error", "The cluster does not allow this.");
    await w.click("keys-renew-confirm");
    await w.gone("keys-renew-dialog");
    expect(await w.text("keys-account")).not.toContain(ownKeys.account?.fingerprint);
  });

  test("warns that a registered key leaves this computer", async () => {
    const w = await keysPage({ ownKeys: { account: null } });
    await w.reads("keys-account-none", "The account has none");
    await w.click("keys-register");
    await w.reads("keys-register-dialog", "The private key is sent to the cluster");
    await w.click("keys-register-confirm");
    await w.gone("keys-register-dialog");
    await w.reads("keys-account", "ssh-ed25519");
  });

  test("adds a key of this computer to a running session", async () => {
    const w = await keysPage();
    await w.click("keys-add-id_ed25519.pub");
    await w.click("add-key-confirm");
    await w.reads("add-key-done", "The key may log in to vision-train now.");
    const line = ownKeys.local[0]?.key.line;
    expect(await w.calls("addKeyToSession")).toEqual([[(sessions[0] as Session).id, line]]);
  });

  test("adds a pasted key and refuses a private one", async () => {
    const w = await keysPage();
    await w.click("keys-paste");
    await w.focusOn("add-key-line");
    expect(await w.id("add-key-confirm").isDisabled()).toBe(true);
    await w.id("add-key-line").fill("-----BEGIN OPENSSH PRIVATE KEY-----");
    await w.click("add-key-confirm");
    await w.reads("add-key-error", "this is a private key");
    await w.id("add-key-line").fill("ssh-ed25519 AAAA jiwoo");
    await w.gone("add-key-error");
    await w.click("add-key-confirm");
    await w.seen("add-key-done");
  });

  test("says when the cluster cannot be asked", async () => {
    const w = await openWindow("signed-in");
    await w.failNext("ownKeys", "unreachable", { address: "https://ai.hanbit-lab.example" });
    await w.click("nav-keys");
    await w.reads("keys-error", "cannot be reached");
    await w.id("keys-error").getByRole("button").click();
    await w.seen("keys-account");
  });
});
