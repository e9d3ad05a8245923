/** A connection's port reason and state as sentences. */
import type { TFunction } from "i18next";
import type { Connection } from "../bindings/Connection";
import type { PortReason } from "../bindings/PortReason";
import type { PortRefusal } from "../bindings/PortRefusal";

function refusalText(t: TFunction, refusal: PortRefusal): string {
  const { port, heldBy } = refusal;
  if (heldBy !== null) return t("portReason.heldBy", { port, session: heldBy });
  return refusal.cause === "inUse" ? t("portReason.inUse", { port }) : t("portReason.notPermitted", { port });
}

export function portReasonText(t: TFunction, reason: PortReason): string {
  if (reason.kind === "preferred") return t("portReason.preferred");
  const why = t(`portReason.${reason.kind}`);
  return reason.preferredRefused === null ? why : `${why}: ${refusalText(t, reason.preferredRefused)}`;
}

export function stateText(t: TFunction, connection: Connection): string {
  if (connection.state !== "listening") return t(`connection.state.${connection.state}`);
  if (connection.silentSince !== null) return t("connection.state.noAnswer");
  const { open } = connection.traffic;
  return open === 0 ? t("connection.state.listening") : t("connection.state.inUse", { count: open });
}
