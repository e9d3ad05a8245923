/** Which of the incidents that connections report are news: several connections lost at once are one. */
import type { Connection } from "../bindings/Connection";

/** What ends within this time for the same reason belongs to one incident. */
const SAME_WITHIN_MS = 60_000;

/** The network and the servers are shared; the end of a session is its own. */
function reasonOf(connection: Connection, code: string): string {
  return code === "session-ended" ? `${code} ${connection.sessionId}` : code;
}

/** Remembers what was told. */
export class Incidents {
  private readonly seen = new Map<string, string>();
  private readonly told = new Map<string, number>();

  /** `known`: connections whose incidents are on screen already. */
  constructor(known: readonly Connection[]) {
    for (const c of known) if (c.incident !== null) this.seen.set(c.id, c.incident.at);
  }

  /** The connections whose incident has to be told now. */
  news(connections: readonly Connection[]): Connection[] {
    return connections.filter((c) => {
      if (c.incident === null || this.seen.get(c.id) === c.incident.at) return false;
      this.seen.set(c.id, c.incident.at);
      const reason = reasonOf(c, c.incident.error.code);
      const at = Date.parse(c.incident.at);
      const before = this.told.get(reason);
      this.told.set(reason, at);
      return before === undefined || at - before > SAME_WITHIN_MS;
    });
  }
}
