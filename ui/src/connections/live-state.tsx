/** What the tunnel last saw: its state, and the bytes both ways. */
import { Badge, Tooltip } from "antd";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Connection } from "../bindings/Connection";
import type { ConnectionState } from "../bindings/ConnectionState";
import { formatBytes, formatClock } from "../lib/format";
import { stateText } from "./words";

type Dot = "success" | "processing" | "warning" | "default" | "error";
const DOTS: Readonly<Record<ConnectionState, Dot>> = {
  listening: "success",
  signInNeeded: "warning",
  sessionEnded: "error",
  stopped: "default",
};

/** What a connected program means for the session: the cluster does not take it for idle meanwhile. */
export function AwakeLine({ connection }: { connection: Connection }) {
  const { t, i18n } = useTranslation();
  if (connection.state !== "listening") return null;
  const { busySince } = connection.traffic;
  return (
    <p className="quiet awake" data-testid="connection-awake" data-awake={busySince !== null}>
      {busySince === null
        ? t("connection.notAwake")
        : t("connection.awake", { since: formatClock(busySince, i18n.language) })}
    </p>
  );
}

export function StateLine({ connection, testId }: { connection: Connection; testId?: string }) {
  const { t } = useTranslation();
  const listening = connection.state === "listening";
  const silent = listening && connection.silentSince !== null;
  const dot = silent ? "warning" : listening && connection.traffic.open > 0 ? "processing" : undefined;
  return (
    <span
      className="state-line"
      role="status"
      data-testid={testId}
      data-state={connection.state}
      data-open={connection.traffic.open}
    >
      <Badge status={dot ?? DOTS[connection.state]} />
      {stateText(t, connection)}
    </span>
  );
}

export function Bytes({ connection, testIds = false }: { connection: Connection; testIds?: boolean }) {
  const { t, i18n } = useTranslation();
  const { bytesUp, bytesDown } = connection.traffic;
  const exact = new Intl.NumberFormat(i18n.language);
  return (
    <span className="bytes tabular">
      <Tooltip title={t("connection.up", { bytes: exact.format(bytesUp) })}>
        <span>
          <ArrowUp size={13} aria-label={t("connection.upLabel")} />
          <span data-testid={testIds ? "connection-bytes-up" : undefined} data-bytes={bytesUp}>
            {formatBytes(bytesUp, i18n.language)}
          </span>
        </span>
      </Tooltip>
      <Tooltip title={t("connection.down", { bytes: exact.format(bytesDown) })}>
        <span>
          <ArrowDown size={13} aria-label={t("connection.downLabel")} />
          <span data-testid={testIds ? "connection-bytes-down" : undefined} data-bytes={bytesDown}>
            {formatBytes(bytesDown, i18n.language)}
          </span>
        </span>
      </Tooltip>
    </span>
  );
}
