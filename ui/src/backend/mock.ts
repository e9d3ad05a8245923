/**
 * The backend of a plain browser: for `npm run dev` with `?mock=SCENARIO` and for the screen tests.
 * It keeps to the contract of `backend.ts` (answers, failures, events) and is steered through
 * `window.berthMock`. Scenarios: `sign-in` (nobody signed in), `restoring`, `signed-in`, `empty` (no
 * sessions), `loading` (the session list never comes), `unreachable` (it fails), `broken` (the
 * first start fails).
 */
import type { Account } from "../bindings/Account";
import type { Connection } from "../bindings/Connection";
import type { Event } from "../bindings/Event";
import type { OwnKeys } from "../bindings/OwnKeys";
import type { PortReason } from "../bindings/PortReason";
import type { Session } from "../bindings/Session";
import type { SessionList } from "../bindings/SessionList";
import type { Settings } from "../bindings/Settings";
import type { SignInRequest } from "../bindings/SignInRequest";
import type { SshHosts } from "../bindings/SshHosts";
import type { Startup } from "../bindings/Startup";
import type { Backend, Failure } from "./backend";
import { account, ago, demoAccount, makeConnection, profiles, server, sessions } from "./mock-data";
import { newAccountKey, ownKeys, sshHosts, tools } from "./mock-handover";

export type Command = Exclude<keyof Backend, "listen">;

/** What a screen test can do to the mock. */
export interface MockControls {
  /** Sends an event as the app would. */
  emit(event: Event): void;
  /** Lets the next call of a command fail. */
  failNext(command: Command, failure: Failure): void;
  /** Lets calls of a command wait until `release`. */
  hold(command: Command): void;
  release(command: Command): void;
  /** Changes the figures of an open connection and says so. */
  patchConnection(id: string, patch: Partial<Connection>): void;
  /** Changes the startup answer; reload is not needed when done by an init script. */
  startup: Partial<Startup>;
  readonly calls: { command: Command; args: unknown[] }[];
  readonly copied: string[];
}

declare global {
  interface Window {
    berthMock?: MockControls;
    /** Set before the app starts, to change what `startup` answers. */
    berthMockStartup?: Partial<Startup>;
    /** The same for hosts of ssh and for the own keys. */
    berthMockSshHosts?: Partial<SshHosts>;
    berthMockOwnKeys?: Partial<OwnKeys>;
  }
}

export function failure(code: string, details: Record<string, string> = {}): Failure {
  return { code, message: `Something happened (${code}).`, hint: "Do something about it.", details };
}

export function mockBackend(scenario: string): Backend {
  const listeners = new Set<(event: Event) => void>();
  const failures = new Map<Command, Failure[]>();
  const held = new Map<Command, Promise<void>>();
  const releases = new Map<Command, () => void>();
  const connections = new Map<string, Connection>();
  const all: Session[] = scenario === "empty" ? [] : sessions;
  let current: Account | null = ["sign-in", "restoring"].includes(scenario) ? null : account;
  let settings: Settings = { preferredSshPort: 10022, language: "system", theme: "system" };
  let nextPort = 30722;
  let newPassword = "";
  let hosts = { ...sshHosts, ...(window.berthMockSshHosts ?? {}) };
  let own = { ...ownKeys, ...(window.berthMockOwnKeys ?? {}) };

  const emit = (event: Event) => {
    for (const listener of listeners) listener(event);
  };
  const list = (): SessionList => ({
    profileId: current?.profileId ?? "",
    sessions: all,
    fetchedAt: ago(0),
    stale: null,
  });
  const controls: MockControls = {
    emit,
    failNext: (command, f) => failures.set(command, [...(failures.get(command) ?? []), f]),
    hold: (command) => {
      held.set(command, new Promise((resolve) => releases.set(command, resolve)));
    },
    release: (command) => {
      releases.get(command)?.();
      held.delete(command);
    },
    patchConnection: (id, patch) => {
      const found = connections.get(id);
      if (found === undefined) return;
      const connection = { ...found, ...patch };
      connections.set(id, connection);
      emit({ kind: "connectionChanged", connection });
    },
    startup: window.berthMockStartup ?? {},
    calls: [],
    copied: [],
  };
  window.berthMock = controls;
  if (scenario === "loading") controls.hold("refreshSessions");
  if (scenario === "unreachable") {
    controls.failNext(
      "refreshSessions",
      failure("unreachable", { address: server.address, detail: "no route to host" }),
    );
  }
  if (scenario === "broken") controls.failNext("startup", failure("internal"));
  if (controls.startup.settings) settings = controls.startup.settings;
  for (const connection of controls.startup.connections ?? []) connections.set(connection.id, connection);

  /** Notes the call, waits while it is held, fails if told so, else answers. */
  async function answer<T>(command: Command, args: unknown[], body: () => T): Promise<T> {
    controls.calls.push({ command, args });
    await held.get(command);
    const queued = failures.get(command)?.shift();
    if (queued !== undefined) throw queued;
    return body();
  }

  const signedIn = (who: Account): Account => {
    current = who;
    emit({ kind: "signedIn", account: who });
    queueMicrotask(() => emit({ kind: "sessionsChanged", list: list() }));
    return who;
  };

  function takePassword(password: string): void {
    if (password.length < 8) {
      throw failure("new-password-refused", { said: "The password must have at least 8 characters." });
    }
    newPassword = password;
  }

  function portFor(): { port: number; portReason: PortReason } {
    const preferred = settings.preferredSshPort;
    const holder = [...connections.values()].find((c) => c.port === preferred);
    if (preferred !== null && holder === undefined)
      return { port: preferred, portReason: { kind: "preferred" } };
    const preferredRefused =
      preferred === null
        ? null
        : { port: preferred, cause: "inUse" as const, heldBy: holder?.sessionName ?? null };
    return { port: nextPort++, portReason: { kind: "random", preferredRefused } };
  }

  function open(sessionId: string, app: string): Connection {
    const of = all.find((s) => s.id === sessionId);
    if (of === undefined) throw failure("session-not-found", { session: sessionId });
    const existing = [...connections.values()].find((c) => c.sessionId === sessionId && c.app === app);
    if (existing !== undefined) return existing;
    const { port, portReason } = portFor();
    const connection = makeConnection(of, app, port, { portReason });
    connections.set(connection.id, connection);
    emit({ kind: "connectionChanged", connection });
    return connection;
  }

  return {
    startup: () =>
      answer("startup", [], () => ({
        account: current,
        restoring: scenario === "restoring",
        profiles,
        settings,
        secretPlace: "keychain",
        demoAvailable: true,
        connections: [],
        ...controls.startup,
      })),
    probeServer: (address, tls) =>
      answer("probeServer", [address, tls], () => {
        const withScheme = address.includes("://") ? address : `https://${address}`;
        const api =
          withScheme.includes("manager") || withScheme.endsWith(":8081") || withScheme.endsWith(":8091");
        return {
          ...server,
          address: withScheme,
          mode: api ? ("api" as const) : ("session" as const),
          managerVersion: api ? "23.09.10" : server.managerVersion,
          private: !withScheme.startsWith("http:") || withScheme.includes("127.0.0.1"),
        };
      }),
    signIn: (request: SignInRequest) =>
      answer("signIn", [request], () => {
        if (request.user.startsWith("otp") && request.otp === null) return { kind: "otpRequired" as const };
        if (request.otp !== null && request.otp !== "123456") throw failure("otp-wrong");
        if (request.secret === "wrong") throw failure("wrong-credentials");
        if (request.user.startsWith("old") && request.secret !== newPassword)
          throw failure("password-expired");
        if (request.user.startsWith("many") && !request.force) throw failure("too-many-logins");
        const who = {
          ...account,
          user: request.user,
          server: { ...server, address: request.address, mode: request.mode },
          tls: request.tls,
        };
        return { kind: "signedIn" as const, account: signedIn(who) };
      }),
    changeExpiredPassword: (request, password) =>
      answer("changeExpiredPassword", [request, password], () => {
        takePassword(password);
        return null;
      }),
    changePassword: (now, password) =>
      answer("changePassword", [now, password], () => {
        if (now === "wrong") throw failure("wrong-password");
        takePassword(password);
        return null;
      }),
    signInDemo: () => answer("signInDemo", [], () => signedIn(demoAccount)),
    signOut: () =>
      answer("signOut", [], () => {
        const profileId = current?.profileId ?? "";
        current = null;
        for (const id of connections.keys()) emit({ kind: "connectionRemoved", id });
        connections.clear();
        emit({ kind: "signedOut", profileId, error: null });
        return null;
      }),
    forgetProfile: (id) => answer("forgetProfile", [id], () => null),
    refreshSessions: () =>
      answer("refreshSessions", [], () => {
        const fresh = list();
        emit({ kind: "sessionsChanged", list: fresh });
        return fresh;
      }),
    sessionApps: (sessionId) =>
      answer("sessionApps", [sessionId], () => {
        const of = all.find((s) => s.id === sessionId);
        if (of === undefined) throw failure("session-not-found", { session: sessionId });
        if (!of.status.startsWith("RUNNING")) {
          throw failure("session-not-running", { session: of.name, status: of.status });
        }
        return of.apps;
      }),
    connect: (sessionId, app) => answer("connect", [sessionId, app], () => open(sessionId, app)),
    disconnect: (id) =>
      answer("disconnect", [id], () => {
        connections.delete(id);
        emit({ kind: "connectionRemoved", id });
        return null;
      }),
    connections: () => answer("connections", [], () => [...connections.values()]),
    saveSshKey: (id) =>
      answer("saveSshKey", [id], () => {
        const port = connections.get(id)?.port ?? 0;
        const path = "/home/jiwoo/.ssh/id_container";
        return { path, sshCommand: `ssh -i ${path} -o IdentitiesOnly=yes -p ${port} work@127.0.0.1` };
      }),
    saveSshKeyAsPpk: (id, request) =>
      answer("saveSshKeyAsPpk", [id, request], () => {
        const port = connections.get(id)?.port ?? 0;
        const path = "/home/jiwoo/.ssh/id_container.ppk";
        return { path, sshCommand: `putty -ssh -P ${port} -i ${path} work@127.0.0.1` };
      }),
    tools: () => answer("tools", [], () => tools),
    openIn: (id, tool) => answer("openIn", [id, tool], () => null),
    openToolPage: (tool) => answer("openToolPage", [tool], () => null),
    sshHosts: () => answer("sshHosts", [], () => hosts),
    sshHost: (id) =>
      answer("sshHost", [id], () => `${connections.get(id)?.sessionName ?? "session"}.hanbit-lab.berth`),
    installSshHosts: () =>
      answer("installSshHosts", [], () => {
        hosts = { ...hosts, installed: true };
        return hosts;
      }),
    uninstallSshHosts: () =>
      answer("uninstallSshHosts", [], () => {
        hosts = { ...hosts, installed: false };
        return hosts;
      }),
    ownKeys: () => answer("ownKeys", [], () => own),
    renewAccountKey: () =>
      answer("renewAccountKey", [], () => {
        own = { ...own, account: newAccountKey };
        return own;
      }),
    registerAccountKey: () =>
      answer("registerAccountKey", [], () => {
        own = { ...own, account: own.local[0]?.key ?? null };
        return own;
      }),
    addKeyToSession: (sessionId, line) =>
      answer("addKeyToSession", [sessionId, line], () => {
        if (line.includes("PRIVATE"))
          throw failure("public-key-invalid", { detail: "this is a private key" });
        const key = own.local[0]?.key ?? newAccountKey;
        return { session: all.find((s) => s.id === sessionId)?.name ?? "", wasThere: false, key };
      }),
    savedKeys: () => answer("savedKeys", [], () => own.saved),
    mendKey: (path) =>
      answer("mendKey", [path], () => {
        own = {
          ...own,
          saved: own.saved.map((key) => (key.path === path ? { ...key, tooOpen: false } : key)),
          local: own.local.map((key) => (key.privatePath === path ? { ...key, tooOpen: false } : key)),
        };
        return null;
      }),
    openConnectionUrl: (id, kind) => answer("openConnectionUrl", [id, kind], () => null),
    openWebUi: () => answer("openWebUi", [], () => null),
    updateSettings: (next) =>
      answer("updateSettings", [next], () => {
        settings = next;
        emit({ kind: "settingsChanged", settings });
        return settings;
      }),
    about: () =>
      answer("about", [], () => ({
        version: "0.1.0",
        build: "0ade86f release",
        platform: "Linux x86_64",
        server: current?.server ?? null,
        license: "Apache-2.0",
      })),
    notify: (title, body) => answer("notify", [title, body], () => null),
    copyText: (text) =>
      answer("copyText", [text], () => {
        controls.copied.push(text);
        return null;
      }),
    listen: (listener) => {
      listeners.add(listener);
      return Promise.resolve(() => listeners.delete(listener));
    },
  };
}
