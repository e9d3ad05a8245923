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

export type Tone = "success" | "warning" | "error" | "info" | "neutral";

const TONES: Readonly<Record<string, Tone>> = {
  RUNNING: "success",
  RUNNING_DEGRADED: "warning",
  TERMINATING: "warning",
  ERROR: "error",
};

/** Colour of the status tag. */
export function statusTone(status: string): Tone {
  return TONES[status] ?? (statusGroup(status) === "pending" ? "info" : "neutral");
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
