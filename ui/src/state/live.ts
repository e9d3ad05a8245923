/**
 * What is on screen lives in the query cache and comes only from the backend: `startup` seeds it,
 * events change it. Events that arrive before `startup` has answered wait for it, so that an older
 * snapshot can never overwrite newer news.
 */
import { type QueryClient, skipToken, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { Backend, Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Account } from "../bindings/Account";
import type { Connection } from "../bindings/Connection";
import type { Event } from "../bindings/Event";
import type { Profile } from "../bindings/Profile";
import type { SessionList } from "../bindings/SessionList";
import type { Settings } from "../bindings/Settings";
import type { Startup } from "../bindings/Startup";

export interface Restoring {
  kind: "restoring";
}

export interface SignedOut {
  kind: "signedOut";
  error: Failure | null;
  profileId: string | null;
  /** Who was signed in until now. */
  account: Account | null;
}

export interface SignedIn {
  kind: "signedIn";
  account: Account;
  /** The login needs renewing. */
  expired: boolean;
  /** How often this login was obtained: what an expired one interrupted goes on when it changes. */
  times: number;
}

export type Login = Restoring | SignedOut | SignedIn;

export const keys = {
  startup: ["startup"],
  login: ["login"],
  profiles: ["profiles"],
  settings: ["settings"],
  sessions: ["sessions"],
  connections: ["connections"],
  about: ["about"],
  apps: (sessionId: string) => ["apps", sessionId],
  tools: ["tools"],
  sshHosts: ["sshHosts"],
  sshHost: (connectionId: string) => ["sshHost", connectionId],
  ownKeys: ["ownKeys"],
  savedKeys: ["savedKeys"],
  savedKey: (connectionId: string) => ["savedKey", connectionId],
} as const;

export function signedIn(client: QueryClient, account: Account): void {
  const before = client.getQueryData<Login>(keys.login);
  const times = before?.kind === "signedIn" ? before.times + 1 : 1;
  const sessions = client.getQueryData<SessionList>(keys.sessions);
  if (sessions !== undefined && sessions.profileId !== account.profileId) {
    client.removeQueries({ queryKey: keys.sessions });
  }
  const login: Login = { kind: "signedIn", account, expired: false, times };
  client.setQueryData<Login>(keys.login, login);
  if (client.getQueryState(keys.sessions)?.error || sessions?.stale) {
    void client.invalidateQueries({ queryKey: keys.sessions });
  }
}

export function applyEvent(client: QueryClient, event: Event): void {
  switch (event.kind) {
    case "signedIn":
      signedIn(client, event.account);
      break;
    case "signedOut":
      client.setQueryData<Login>(keys.login, (login) => ({
        kind: "signedOut",
        error: event.error,
        profileId: event.profileId,
        account: login?.kind === "signedIn" ? login.account : null,
      }));
      client.removeQueries({ queryKey: keys.sessions });
      void client.invalidateQueries({ queryKey: keys.profiles });
      break;
    case "signInNeeded":
      client.setQueryData<Login>(keys.login, (login) => ({
        kind: "signedIn",
        account: event.account,
        expired: true,
        times: login?.kind === "signedIn" ? login.times : 1,
      }));
      break;
    case "sessionsChanged":
      client.setQueryData<SessionList>(keys.sessions, event.list);
      break;
    case "connectionChanged":
      client.setQueryData<Connection[]>(keys.connections, (all) =>
        withConnection(all ?? [], event.connection),
      );
      break;
    case "connectionRemoved":
      client.setQueryData<Connection[]>(keys.connections, (all) =>
        (all ?? []).filter((c) => c.id !== event.id),
      );
      client.removeQueries({ queryKey: keys.savedKey(event.id) });
      break;
    case "openedByWebUi":
    case "hostKeyRenewed":
      // Said by the shell; a connection itself comes as "connectionChanged".
      break;
    case "settingsChanged":
      client.setQueryData<Settings>(keys.settings, event.settings);
      break;
  }
}

/** The connections with this one in its place, or at the end when it is new. */
export function withConnection(all: readonly Connection[], connection: Connection): Connection[] {
  return all.some((c) => c.id === connection.id)
    ? all.map((c) => (c.id === connection.id ? connection : c))
    : [...all, connection];
}

function seed(client: QueryClient, startup: Startup): void {
  const login: Login =
    startup.account !== null
      ? { kind: "signedIn", account: startup.account, expired: false, times: 1 }
      : startup.restoring
        ? { kind: "restoring" }
        : { kind: "signedOut", error: null, profileId: null, account: null };
  client.setQueryData<Login>(keys.login, login);
  client.setQueryData<Profile[]>(keys.profiles, startup.profiles);
  client.setQueryData<Settings>(keys.settings, startup.settings);
  client.setQueryData<Connection[]>(keys.connections, startup.connections);
}

/** Starts listening, then asks for the first state; may be repeated when it failed. */
export function createLive(backend: Backend, client: QueryClient): () => Promise<Startup> {
  let waiting: Event[] | null = [];
  let listening: Promise<unknown> | null = null;
  return async () => {
    listening ??= backend.listen((event) => {
      if (waiting === null) applyEvent(client, event);
      else waiting.push(event);
    });
    try {
      await listening;
    } catch (reason) {
      listening = null;
      throw reason;
    }
    const startup = await backend.startup();
    seed(client, startup);
    for (const event of waiting ?? []) applyEvent(client, event);
    waiting = null;
    return startup;
  };
}

/** State that only `startup` and events write. */
function useLive<T>(queryKey: readonly unknown[]): T | undefined {
  return useQuery<T>({ queryKey, queryFn: skipToken }).data;
}

export const useLogin = () => useLive<Login>(keys.login);
export const useSettings = () => useLive<Settings>(keys.settings);
export const useConnections = () => useLive<Connection[]>(keys.connections) ?? [];
export const useStartup = () => useLive<Startup>(keys.startup);

export function useProfiles(): Profile[] {
  const backend = useBackend();
  const queryFn = async () => (await backend.startup()).profiles;
  return useQuery({ queryKey: keys.profiles, queryFn }).data ?? [];
}

export function useSessions() {
  const backend = useBackend();
  return useQuery<SessionList, Failure>({
    queryKey: keys.sessions,
    queryFn: () => backend.refreshSessions(),
  });
}

/** Puts a connection that a command answered with on screen without waiting for its event. */
export function useAddConnection(): (connection: Connection) => void {
  const client = useQueryClient();
  return useCallback(
    (connection) => {
      client.setQueryData<Connection[]>(keys.connections, (all) => {
        // An event about it may have come first, and knows better.
        return all?.some((c) => c.id === connection.id) ? all : [...(all ?? []), connection];
      });
    },
    [client],
  );
}
