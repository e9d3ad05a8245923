/** The open ports with live figures. */
import { Button, Empty, Tooltip } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Connection } from "../bindings/Connection";
import { AppIcon } from "../components/app-icon";
import { CopyButton } from "../components/copy";
import { type Column, DataTable } from "../components/data-table";
import { RelativeTime } from "../components/relative-time";
import { appName } from "../lib/apps";
import { describeFailure } from "../lib/failures";
import { useConnections } from "../state/live";
import { useScreen } from "../state/screen";
import { NARROW, useMedia } from "../state/use-media";
import { Bytes, StateLine } from "./live-state";
import { StopButton } from "./stop-button";
import { portReasonText } from "./words";

export function ConnectionsPage() {
  const { t } = useTranslation();
  const { openConnection, goTo } = useScreen();
  const connections = useConnections();

  const narrow = useMedia(NARROW);
  const columns = useMemo<Column<Connection>[]>(() => {
    const all: Column<Connection>[] = [
      {
        key: "session",
        title: t("connections.columns.session"),
        render: (c) => (
          <span className="name-cell">
            <Tooltip title={appName(c.app)}>
              <span className="app-mark">
                <AppIcon name={c.app} size={17} />
              </span>
            </Tooltip>
            <Button
              type="link"
              size="small"
              className="name ellipsis"
              onClick={() => openConnection(c)}
              data-testid={`connection-open-${c.sessionName}`}
            >
              {c.sessionName}
            </Button>
          </span>
        ),
      },
      {
        key: "port",
        title: t("connections.columns.port"),
        width: narrow ? 132 : 140,
        render: (c) => (
          <Tooltip title={portReasonText(t, c.portReason)}>
            <span className="mono">
              {c.host}:{c.port}
            </span>
          </Tooltip>
        ),
      },
      {
        key: "state",
        title: t("connections.columns.state"),
        width: narrow ? 166 : 200,
        render: (c) => (
          <Tooltip title={c.incident === null ? undefined : describeFailure(t, c.incident.error).message}>
            <span className="ellipsis">
              <StateLine connection={c} />
            </span>
          </Tooltip>
        ),
      },
      {
        key: "traffic",
        title: t("connections.columns.traffic"),
        width: 182,
        render: (c) => <Bytes connection={c} />,
      },
      {
        key: "since",
        title: t("connections.columns.since"),
        width: 100,
        render: (c) => <RelativeTime at={c.openedAt} />,
      },
      {
        key: "control",
        title: t("sessions.columns.control"),
        width: 108,
        render: (c) => {
          const ssh = c.commands.find((command) => command.kind === "ssh");
          return (
            <span className="controls">
              <StopButton connection={c} size="small" testId={`connection-row-stop-${c.sessionName}`} />
              {ssh === undefined ? null : (
                <CopyButton
                  text={ssh.line}
                  label={t("copy.what", { what: t("connection.command.ssh") })}
                  testId={`connection-row-copy-${c.sessionName}`}
                />
              )}
            </span>
          );
        },
      },
    ];
    return narrow ? all.filter((column) => column.key !== "since") : all;
  }, [t, openConnection, narrow]);

  if (connections.length === 0) {
    return (
      <div className="state" data-testid="connections-empty">
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("connections.none")}>
          <Button onClick={() => goTo("sessions")}>{t("connections.toSessions")}</Button>
        </Empty>
      </div>
    );
  }
  return (
    <div className="connections">
      <h1 className="visually-hidden">{t("nav.connections")}</h1>
      <DataTable
        label={t("nav.connections")}
        columns={columns}
        rows={connections}
        rowKey={(c) => c.id}
        rowTestId={(c) => `connection-row-${c.sessionName}`}
        onOpen={openConnection}
        testId="connections-table"
      />
    </div>
  );
}
