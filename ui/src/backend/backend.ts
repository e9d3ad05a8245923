/**
 * The only door to Rust. `tauri.ts` goes through it into the app, `mock.ts` stands in for it in a
 * browser. Every method answers with plain data or rejects with a `Failure`; everything that changes
 * by itself comes as an `Event`.
 */
import type { About } from "../bindings/About";
import type { Account } from "../bindings/Account";
import type { AddedKey } from "../bindings/AddedKey";
import type { App } from "../bindings/App";
import type { Connection } from "../bindings/Connection";
import type { Error as Failure } from "../bindings/Error";
import type { Event } from "../bindings/Event";
import type { OwnKeys } from "../bindings/OwnKeys";
import type { PpkRequest } from "../bindings/PpkRequest";
import type { SavedKey } from "../bindings/SavedKey";
import type { SavedKeyFile } from "../bindings/SavedKeyFile";
import type { ServerInfo } from "../bindings/ServerInfo";
import type { SessionList } from "../bindings/SessionList";
import type { Settings } from "../bindings/Settings";
import type { SignInOutcome } from "../bindings/SignInOutcome";
import type { SignInRequest } from "../bindings/SignInRequest";
import type { SshHosts } from "../bindings/SshHosts";
import type { Startup } from "../bindings/Startup";
import type { TlsChoice } from "../bindings/TlsChoice";
import type { ToolOffer } from "../bindings/ToolOffer";

export type { Failure };

/** Which program of this computer opens a connection's URL. */
export type UrlKind = "ssh" | "sftp";

export interface Backend {
  startup(): Promise<Startup>;
  probeServer(address: string, tls: TlsChoice): Promise<ServerInfo>;
  signIn(request: SignInRequest): Promise<SignInOutcome>;
  changeExpiredPassword(request: SignInRequest, password: string): Promise<null>;
  changePassword(current: string, password: string): Promise<null>;
  signInDemo(): Promise<Account>;
  signOut(): Promise<null>;
  forgetProfile(id: string): Promise<null>;
  refreshSessions(): Promise<SessionList>;
  sessionApps(sessionId: string): Promise<App[]>;
  connect(sessionId: string, app: string): Promise<Connection>;
  disconnect(id: string): Promise<null>;
  connections(): Promise<Connection[]>;
  /** Asks for a place with the native dialog; `null` when the user cancelled it. */
  saveSshKey(id: string): Promise<SavedKey | null>;
  /** The same in PuTTY's format. */
  saveSshKeyAsPpk(id: string, request: PpkRequest): Promise<SavedKey | null>;
  tools(): Promise<ToolOffer[]>;
  openIn(connectionId: string, tool: string): Promise<null>;
  /** Opens the page where a program can be got. */
  openToolPage(tool: string): Promise<null>;
  sshHosts(): Promise<SshHosts>;
  /** The name by which ssh knows a connection's session. */
  sshHost(connectionId: string): Promise<string>;
  installSshHosts(): Promise<SshHosts>;
  uninstallSshHosts(): Promise<SshHosts>;
  ownKeys(): Promise<OwnKeys>;
  renewAccountKey(): Promise<OwnKeys>;
  /** Asks for a private key with the native dialog; `null` when the user cancelled it. */
  registerAccountKey(): Promise<OwnKeys | null>;
  addKeyToSession(sessionId: string, line: string): Promise<AddedKey>;
  savedKeys(): Promise<SavedKeyFile[]>;
  mendKey(path: string): Promise<null>;
  openConnectionUrl(id: string, kind: UrlKind): Promise<null>;
  /** Opens the window of the cluster's own WebUI, or brings it to the front. */
  openWebUi(): Promise<null>;
  updateSettings(settings: Settings): Promise<Settings>;
  about(): Promise<About>;
  copyText(text: string): Promise<null>;
  /** Shows a notification of the system. */
  notify(title: string, body: string): Promise<null>;
  /** Calls `listener` for every event until the returned function is called. */
  listen(listener: (event: Event) => void): Promise<() => void>;
}

function isFailure(reason: unknown): reason is Failure {
  return (
    typeof reason === "object" &&
    reason !== null &&
    "code" in reason &&
    typeof reason.code === "string" &&
    "message" in reason &&
    typeof reason.message === "string"
  );
}

/** Whatever a promise was rejected with, as a `Failure`; what we do not know becomes `internal`. */
export function asFailure(reason: unknown): Failure {
  if (isFailure(reason)) {
    return { ...reason, hint: reason.hint ?? "", details: reason.details ?? {} };
  }
  const message = reason instanceof globalThis.Error ? reason.message : String(reason);
  return { code: "internal", message, hint: "", details: { reason: message } };
}
