import { QueryClient } from "@tanstack/react-query";
import { beforeEach, describe, expect, test } from "vitest";
import type { Backend } from "../backend/backend";
import { account, makeConnection, sessions } from "../backend/mock-data";
import type { Connection } from "../bindings/Connection";
import type { Event } from "../bindings/Event";
import type { Session } from "../bindings/Session";
import type { SessionList } from "../bindings/SessionList";
import type { Startup } from "../bindings/Startup";
import { applyEvent, createLive, keys, type Login, signedIn } from "./live";

const first = sessions[0] as Session;
const connection = makeConnection(first, "sshd", 10022);
const startup: Startup = {
  account: null,
  restoring: true,
  profiles: [],
  settings: { preferredSshPort: null, language: "system", theme: "system" },
  secretPlace: "keychain",
  demoAvailable: true,
  connections: [connection],
};
const list: SessionList = {
  profileId: account.profileId,
  sessions,
  fetchedAt: "2026-11-23T09:00:00Z",
  stale: null,
};

let client: QueryClient;
const login = () => client.getQueryData<Login>(keys.login);
const connections = () => client.getQueryData<Connection[]>(keys.connections);

beforeEach(() => {
  client = new QueryClient({ defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY } } });
});

/** A backend whose `startup` answers when told to. */
function slowBackend() {
  let send: (event: Event) => void = () => undefined;
  let answer: (startup: Startup) => void = () => undefined;
  let listens = 0;
  const backend: Partial<Backend> = {
    listen: async (listener) => {
      listens += 1;
      send = listener;
      return () => undefined;
    },
    startup: () => new Promise((resolve) => (answer = resolve)),
  };
  return {
    backend: backend as Backend,
    send: (event: Event) => send(event),
    answer: (value: Startup) => answer(value),
    listens: () => listens,
  };
}

describe("createLive", () => {
  test("news that come before the first state are applied after it", async () => {
    const slow = slowBackend();
    const done = createLive(slow.backend, client)();
    await Promise.resolve();
    slow.send({ kind: "signedIn", account });
    slow.send({ kind: "connectionRemoved", id: connection.id });
    expect(login()).toBeUndefined();
    slow.answer(startup);
    await done;
    expect(login()).toMatchObject({ kind: "signedIn", account });
    expect(connections()).toEqual([]);
  });

  test("listens once, also when the start is repeated", async () => {
    const slow = slowBackend();
    const start = createLive(slow.backend, client);
    const one = start();
    await Promise.resolve();
    slow.answer(startup);
    await one;
    const two = start();
    await Promise.resolve();
    slow.answer(startup);
    await two;
    expect(slow.listens()).toBe(1);
  });
});

describe("events", () => {
  test("an expired login keeps the account, and renewing it counts", () => {
    signedIn(client, account);
    applyEvent(client, { kind: "signInNeeded", account });
    expect(login()).toEqual({ kind: "signedIn", account, expired: true, times: 1 });
    applyEvent(client, { kind: "signedIn", account });
    expect(login()).toEqual({ kind: "signedIn", account, expired: false, times: 2 });
  });

  test("another cluster's sessions never show", () => {
    signedIn(client, account);
    applyEvent(client, { kind: "sessionsChanged", list });
    applyEvent(client, { kind: "signedIn", account: { ...account, profileId: "other" } });
    expect(client.getQueryData(keys.sessions)).toBeUndefined();
  });

  test("signing out forgets the sessions and remembers who left", () => {
    signedIn(client, account);
    applyEvent(client, { kind: "sessionsChanged", list });
    applyEvent(client, { kind: "signedOut", profileId: account.profileId, error: null });
    expect(client.getQueryData(keys.sessions)).toBeUndefined();
    expect(login()).toEqual({ kind: "signedOut", error: null, profileId: account.profileId, account });
  });

  test("a connection is added once, changed in place, and removed", () => {
    applyEvent(client, { kind: "connectionChanged", connection });
    const other = { ...connection, id: "other" };
    applyEvent(client, { kind: "connectionChanged", connection: other });
    applyEvent(client, { kind: "connectionChanged", connection: { ...connection, state: "sessionEnded" } });
    expect(connections()?.map((c) => [c.id, c.state])).toEqual([
      [connection.id, "sessionEnded"],
      ["other", "listening"],
    ]);
    applyEvent(client, { kind: "connectionRemoved", id: connection.id });
    expect(connections()?.map((c) => c.id)).toEqual(["other"]);
  });
});
