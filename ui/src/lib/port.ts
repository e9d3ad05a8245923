/** What may be typed as the preferred SSH port. */
export type PortInput =
  | { kind: "blank" }
  | { kind: "port"; port: number; advised: boolean }
  | { kind: "notNumber" }
  | { kind: "outOfRange" };

export const PORT_MIN = 1024;
export const PORT_MAX = 65535;
export const PORT_ADVISED_MIN = 10_000;
export const PORT_ADVISED_MAX = 65_000;

export function parsePort(text: string): PortInput {
  const trimmed = text.trim();
  if (trimmed === "") return { kind: "blank" };
  if (!/^\d+$/.test(trimmed)) return { kind: "notNumber" };
  const port = Number(trimmed);
  if (port < PORT_MIN || port > PORT_MAX) return { kind: "outOfRange" };
  return { kind: "port", port, advised: port >= PORT_ADVISED_MIN && port <= PORT_ADVISED_MAX };
}
