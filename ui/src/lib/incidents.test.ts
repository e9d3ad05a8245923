import { expect, test } from "vitest";
import { failure } from "../backend/mock";
import { makeConnection, sessions } from "../backend/mock-data";
import type { Connection } from "../bindings/Connection";
import type { Session } from "../bindings/Session";
import { Incidents } from "./incidents";

function lost(n: number, code: string, second: number): Connection {
  const at = new Date(Date.UTC(2026, 10, 23, 9, 0, second)).toISOString();
  return makeConnection(sessions[n] as Session, "sshd", 30722 + n, {
    incident: { at, error: failure(code) },
  });
}

const names = (connections: Connection[]) => connections.map((c) => c.sessionName);

test("an incident is told once, however often its connection is drawn", () => {
  const incidents = new Incidents([]);
  const one = lost(0, "path-lost", 0);
  expect(names(incidents.news([one]))).toEqual([one.sessionName]);
  expect(incidents.news([one, { ...one, traffic: { ...one.traffic, bytesUp: 7 } }])).toEqual([]);
});

test("what one cause did to several connections is one incident", () => {
  const incidents = new Incidents([]);
  expect(incidents.news([lost(0, "path-lost", 0), lost(1, "path-lost", 1)])).toHaveLength(1);
  expect(incidents.news([lost(0, "path-lost", 30)])).toEqual([]);
  expect(incidents.news([lost(0, "silent", 31)])).toHaveLength(1);
});

test("the same trouble later is another one", () => {
  const incidents = new Incidents([]);
  expect(incidents.news([lost(0, "path-lost", 0)])).toHaveLength(1);
  expect(incidents.news([lost(0, "path-lost", 61)])).toHaveLength(1);
});

test("each session that ends is told", () => {
  const incidents = new Incidents([]);
  expect(incidents.news([lost(0, "session-ended", 0), lost(1, "session-ended", 0)])).toHaveLength(2);
});

test("what was on screen at the start is not told again", () => {
  const before = lost(0, "silent", 0);
  expect(new Incidents([before]).news([before])).toEqual([]);
});
