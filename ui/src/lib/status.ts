/** What a session's status means for the screen. Unknown ones are shown as they are. */
export type StatusGroup = "running" | "pending" | "ended" | "other";

const GROUPS: Readonly<Record<string, StatusGroup>> = {
  RUNNING: "running",
  RUNNING_DEGRADED: "running",
  PENDING: "pending",
  DEPRIORITIZING: "pending",
  SCHEDULED: "pending",
  PULLING: "pending",
  PREPARING: "pending",
  PREPARED: "pending",
  CREATING: "pending",
  BUILDING: "pending",
  RESTARTING: "pending",
  TERMINATED: "ended",
  CANCELLED: "ended",
};

export function statusGroup(status: string): StatusGroup {
  return GROUPS[status] ?? "other";
}

/** Whether apps of the session can be reached. */
export function isReachable(status: string): boolean {
  return statusGroup(status) === "running";
}

const COLORS: Readonly<Record<string, string>> = {
  RUNNING: "green",
  RUNNING_DEGRADED: "gold",
  TERMINATING: "orange",
  ERROR: "red",
};

/** Colour of the status tag, of Ant Design's presets. */
export function statusColor(status: string): string {
  return COLORS[status] ?? (statusGroup(status) === "pending" ? "blue" : "default");
}

/** What the status filter can show. `active` is everything that has not ended. */
export const FILTERS = ["active", "running", "pending", "ended", "all"] as const;
export type StatusFilter = (typeof FILTERS)[number];

export function passes(filter: StatusFilter, status: string): boolean {
  const group = statusGroup(status);
  switch (filter) {
    case "all":
      return true;
    case "active":
      return group !== "ended";
    default:
      return group === filter;
  }
}
