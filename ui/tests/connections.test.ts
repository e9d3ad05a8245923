/** The connection dialog and the page of open ports. */
import { describe, expect, test } from "vitest";
import { account, ago, makeConnection, sessions } from "../src/backend/mock-data";
import type { Connection } from "../src/bindings/Connection";
import type { Session } from "../src/bindings/Session";
import { openWindow, withBrowser } from "./window";

withBrowser();

const ID = "c-vision-train-sshd";

async function connected(patch: Partial<Connection> = {}) {
  const connection = makeConnection(sessions[0] as Session, "sshd", 30722, patch);
  const w = await openWindow("signed-in", { startup: { connections: [connection] } });
  await w.click("session-proxy-vision-train");
  await w.seen("connection-dialog");
  return w;
}

describe("the dialog", () => {
  test("shows where to connect, each with a copy that answers", async () => {
    const w = await connected();
    expect(await w.text("connection-user")).toBe("work");
    expect(await w.text("connection-host")).toBe("127.0.0.1");
    expect(await w.text("connection-port")).toBe("30722");
    expect(await w.text("connection-ssh-url")).toBe("ssh://work@127.0.0.1:30722");
    expect(await w.text("connection-sftp-url")).toBe("sftp://work@127.0.0.1:30722");
    for (const kind of ["ssh", "sftp", "scp", "rsync"]) {
      const line = await w.text(`connection-command-${kind}`);
      expect(line.startsWith(`${kind} `)).toBe(true);
      await w.click(`connection-copy-${kind}`);
      await expect.poll(() => w.attribute(`connection-copy-${kind}`, "data-copied")).toBe("true");
      await w.reads(`connection-copy-${kind}`, "Copied");
      expect((await w.copied()).at(-1)).toBe(line);
    }
    await w.click("connection-copy-port");
    await expect.poll(async () => (await w.copied()).at(-1)).toBe("30722");
  });

  test("says when copying failed", async () => {
    const w = await connected();
    await w.failNext("copyText", "internal");
    await w.click("connection-copy-ssh");
    await w.reads("connection-copy-ssh", "Not copied");
    expect(await w.copied()).toEqual([]);
  });

  test.for([
    [{ kind: "preferred" }, "Preferred port"],
    [{ kind: "lastTime", preferredRefused: null }, "The port this session had last time"],
    [{ kind: "random", preferredRefused: null }, "Random port"],
    [
      { kind: "random", preferredRefused: { port: 10022, cause: "inUse", heldBy: "paper-notebook" } },
      "Random port: 10022 is used by session paper-notebook",
    ],
    [
      { kind: "lastTime", preferredRefused: { port: 10022, cause: "inUse", heldBy: null } },
      "The port this session had last time: 10022 is used by another program",
    ],
    [
      { kind: "random", preferredRefused: { port: 1024, cause: "notPermitted", heldBy: null } },
      "Random port: 1024 is not permitted to you by this computer",
    ],
  ] as const)("port reason %o", async ([portReason, words]) => {
    const w = await connected({ portReason });
    expect(await w.text("connection-port-reason")).toBe(words);
  });

  test("shows what the tunnel carries as it happens", async () => {
    const w = await connected();
    expect(await w.attribute("connection-state", "data-state")).toBe("listening");
    await w.reads("connection-state", "Listening");
    expect(await w.attribute("connection-awake", "data-awake")).toBe("false");
    await w.patchConnection(ID, {
      traffic: { open: 1, total: 1, bytesUp: 1536, bytesDown: 5_000_000, busySince: ago(0) },
    });
    await w.reads("connection-state", "In use by 1 program");
    expect(await w.text("connection-bytes-up")).toBe("1.5 KiB");
    expect(await w.text("connection-bytes-down")).toBe("4.77 MiB");
    expect(await w.attribute("connection-awake", "data-awake")).toBe("true");
    await w.patchConnection(ID, { silentSince: ago(4000) });
    await w.reads("connection-state", "No answer");
    await w.seen("connection-no-answer");
    await w.patchConnection(ID, { silentSince: null });
    await w.gone("connection-no-answer");
    const incident = {
      at: ago(0),
      error: { code: "path-lost", message: "m", hint: "h", details: { session: "vision-train" } },
    };
    await w.patchConnection(ID, { incident });
    await w.reads("connection-incident", "The way to “vision-train” was lost.");
    expect(await w.attribute("connection-incident", "data-code")).toBe("path-lost");
    await w.patchConnection(ID, { state: "sessionEnded" });
    await w.reads("connection-state", "Session ended");
  });

  test("saves the key, says where, and gives the command with that path", async () => {
    const w = await connected();
    await w.click("connection-download-key");
    await w.reads("connection-saved-key", "/home/jiwoo/.ssh/id_container");
    expect(await w.text("connection-command-saved-ssh")).toContain("-i /home/jiwoo/.ssh/id_container");
    expect(await w.calls("saveSshKey")).toEqual([[ID]]);
  });

  test("says why the key was not saved, and offers it again", async () => {
    const w = await connected();
    await w.failNext("saveSshKey", "file-not-writable", { path: "/root/id_container" });
    await w.click("connection-download-key");
    await w.reads("connection-key-error", "/root/id_container cannot be written.");
    await w.click("connection-download-key");
    await w.seen("connection-saved-key");
    await w.gone("connection-key-error");
  });

  test("says why there is no key instead of offering one", async () => {
    const keyProblem = { code: "key-missing", message: "m", hint: "h", details: { session: "vision-train" } };
    const w = await connected({ key: null, keyProblem });
    await w.reads("connection-key-problem", "“vision-train” has no id_container.");
    expect(await w.id("connection-download-key").count()).toBe(0);
  });

  test("lets this computer open the URLs", async () => {
    const w = await connected();
    await w.click("connection-sftp-url");
    await w.failNext("openConnectionUrl", "internal");
    await w.click("connection-ssh-url");
    await w.reads("connection-url-error", "Something inside Berth went wrong.");
    expect(await w.calls("openConnectionUrl")).toEqual([
      [ID, "sftp"],
      [ID, "ssh"],
    ]);
    await w.seen("connection-dialog");
  });

  test("stops at once when nothing is connected", async () => {
    const w = await connected();
    await w.click("connection-stop");
    await w.gone("connection-dialog");
    await w.gone("session-proxy-vision-train");
    await w.page.getByText("Port 30722 is closed").waitFor();
  });

  test("asks before cutting programs off", async () => {
    const traffic = { open: 2, total: 2, bytesUp: 0, bytesDown: 0, busySince: ago(0) };
    const w = await connected({ traffic });
    await w.click("connection-stop");
    await w.page.getByText("2 programs are connected and will be cut off.").waitFor();
    await w.page.keyboard.press("Escape");
    await w.gone("connection-stop-confirm");
    await w.seen("connection-dialog");
    await w.click("connection-stop");
    expect(await w.calls("disconnect")).toEqual([]);
    await w.click("connection-stop-confirm");
    await w.gone("connection-dialog");
    expect(await w.calls("disconnect")).toEqual([[ID]]);
  });

  test("a port closed elsewhere stays readable, as stopped", async () => {
    const w = await connected();
    await w.emit({ kind: "connectionRemoved", id: ID });
    await w.reads("connection-state", "Stopped");
    expect(await w.attribute("connection-state", "data-state")).toBe("stopped");
    expect(await w.id("connection-stop").count()).toBe(0);
    expect(await w.id("connection-download-key").isDisabled()).toBe(true);
  });

  test("an expired login is renewed over it, and it goes on", async () => {
    const w = await connected();
    await w.patchConnection(ID, { state: "signInNeeded" });
    await w.emit({ kind: "signInNeeded", account });
    await w.seen("signin-again-dialog");
    await w.page.keyboard.press("Escape");
    await w.gone("signin-again-dialog");
    await w.seen("connection-dialog");
    await w.click("connection-sign-in-again");
    await w.id("signin-secret").fill("wrong");
    await w.page.keyboard.press("Enter");
    await w.seen("signin-error");
    await w.id("signin-secret").fill("right");
    await w.page.keyboard.press("Enter");
    await w.gone("signin-again-dialog");
    await w.patchConnection(ID, { state: "listening" });
    await w.reads("connection-state", "Listening");
  });
});

test("the page lists open ports with their figures", async () => {
  const w = await connected();
  await w.page.keyboard.press("Escape");
  await w.gone("connection-dialog");
  await w.click("nav-connections");
  await w.reads("connection-row-vision-train", "127.0.0.1:30722");
  await w.click("connection-row-copy-vision-train");
  await expect.poll(async () => (await w.copied()).at(-1)).toMatch(/^ssh .* -p 30722 work@127\.0\.0\.1$/);
  await w.click("connection-open-vision-train");
  await w.seen("connection-dialog");
  await w.page.keyboard.press("Escape");
  await w.gone("connection-dialog");
  await w.click("connection-row-stop-vision-train");
  await w.seen("connections-empty");
});

test("a restarted session's new host key is told in passing", async () => {
  const w = await connected();
  await w.emit({ kind: "hostKeyRenewed", sessionId: ID, sessionName: "vision-train" });
  await w.page.getByText("vision-train was restarted; its SSH server has a new host key").waitFor();
  await w.seen("connection-dialog");
});

describe("a lost connection", () => {
  const incident = {
    at: ago(0),
    error: {
      code: "path-lost",
      message: "In English: path-lost.",
      hint: "",
      details: { session: "vision-train" },
    },
  };

  test("is told by the system while nobody looks at the window", async () => {
    const later = (ms: number) => new Date(Date.parse(incident.at) + ms).toISOString();
    const w = await connected();
    await w.page.evaluate(() => {
      document.hasFocus = () => false;
    });
    await w.patchConnection(ID, { incident });
    await expect.poll(() => w.calls("notify")).toHaveLength(1);
    expect((await w.calls("notify"))[0]?.[0]).toBe("The way to “vision-train” was lost.");
    await w.patchConnection(ID, { incident: { ...incident, at: later(1000) } });
    await w.patchConnection(ID, {
      incident: { ...incident, at: later(2000), error: { ...incident.error, code: "silent" } },
    });
    await expect.poll(() => w.calls("notify")).toHaveLength(2);
  });

  test("is told in the window when its own dialog does not tell it", async () => {
    const w = await connected();
    await w.page.keyboard.press("Escape");
    await w.gone("connection-dialog");
    await w.patchConnection(ID, { incident });
    await w.page.getByText("The way to “vision-train” was lost.").waitFor();
    expect(await w.calls("notify")).toEqual([]);
  });
});
