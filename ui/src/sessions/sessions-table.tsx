/** The table of sessions: arrows move, Enter opens the launcher, the app icon is the first control. */
import { Badge, Button, Table, type TableColumnsType, Tag, Tooltip } from "antd";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Connection } from "../bindings/Connection";
import type { Session } from "../bindings/Session";
import { AppsIcon } from "../components/app-icon";
import { RelativeTime } from "../components/relative-time";
import { resourceParts, shortImage } from "../lib/format";
import { isReachable, statusColor } from "../lib/status";
import { useConnections } from "../state/live";
import { useScreen } from "../state/screen";

const PAGE_SIZE = 100;

export function SessionsTable({ sessions }: { sessions: Session[] }) {
  const { t, i18n } = useTranslation();
  const { openLauncher } = useScreen();
  const connections = useConnections();
  const body = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState<string | null>(null);
  // One row is in the tab order: the one last used, or the first.
  const entry = sessions.some((s) => s.id === focused) ? focused : sessions[0]?.id;

  const columns = useMemo<TableColumnsType<Session>>(
    () => [
      {
        key: "name",
        title: t("sessions.columns.name"),
        sorter: (a, b) => a.name.localeCompare(b.name, i18n.language),
        render: (_, session) => (
          <NameCell
            session={session}
            connections={connections.filter((c) => c.sessionId === session.id && c.state !== "stopped")}
          />
        ),
      },
      {
        key: "status",
        title: t("sessions.columns.status"),
        width: 140,
        sorter: (a, b) => a.status.localeCompare(b.status),
        render: (_, session) => (
          <Tooltip title={session.statusInfo}>
            <Tag
              color={statusColor(session.status)}
              className={session.statusInfo ? "status has-info" : "status"}
            >
              {session.status}
            </Tag>
          </Tooltip>
        ),
      },
      {
        key: "control",
        title: t("sessions.columns.control"),
        width: 76,
        render: (_, session) => <Control session={session} onOpen={() => openLauncher(session.id)} />,
      },
      {
        key: "image",
        title: t("sessions.columns.image"),
        ellipsis: { showTitle: false },
        render: (_, session) => (
          <Tooltip title={session.image} classNames={{ root: "wide-tooltip" }}>
            <span className="mono">{shortImage(session.image)}</span>
          </Tooltip>
        ),
      },
      {
        key: "resources",
        title: t("sessions.columns.resources"),
        width: 190,
        render: (_, session) => (
          <span className="tabular nowrap">
            {resourceParts(session.resources, i18n.language).join(" · ")}
          </span>
        ),
      },
      {
        key: "age",
        title: t("sessions.columns.age"),
        width: 100,
        sorter: (a, b) => (b.createdAt ?? "").localeCompare(a.createdAt ?? ""),
        render: (_, session) => (session.createdAt === null ? null : <RelativeTime at={session.createdAt} />),
      },
    ],
    [t, i18n.language, connections, openLauncher],
  );

  function onRowKey(event: KeyboardEvent<HTMLTableRowElement>, session: Session) {
    if (event.target !== event.currentTarget) return;
    const row = event.currentTarget;
    const rows = [...(body.current?.querySelectorAll<HTMLElement>("tbody tr[data-row-key]") ?? [])];
    const at = rows.indexOf(row);
    const to = {
      ArrowDown: rows[at + 1],
      ArrowUp: rows[at - 1],
      Home: rows[0],
      End: rows[rows.length - 1],
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      to.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      openLauncher(session.id);
    }
  }

  return (
    <div ref={body} className="table-fill">
      <Table<Session>
        size="small"
        rowKey="id"
        sticky
        showSorterTooltip={false}
        columns={columns}
        dataSource={sessions}
        tableLayout="fixed"
        pagination={{ pageSize: PAGE_SIZE, hideOnSinglePage: true, size: "small", showSizeChanger: false }}
        data-testid="sessions-table"
        onRow={(session) =>
          ({
            "data-testid": `session-row-${session.name}`,
            "data-status": session.status,
            tabIndex: session.id === entry ? 0 : -1,
            onFocus: () => setFocused(session.id),
            onKeyDown: (event: KeyboardEvent<HTMLTableRowElement>) => onRowKey(event, session),
            onDoubleClick: () => openLauncher(session.id),
          }) as object
        }
      />
    </div>
  );
}

function NameCell({ session, connections }: { session: Session; connections: Connection[] }) {
  const { t } = useTranslation();
  const { openConnection } = useScreen();
  const first = connections.find((c) => c.app === "sshd") ?? connections[0];
  return (
    <span className="name-cell">
      <Tooltip title={nameDetails(session, t("sessions.project"), t("sessions.resourceGroup"))}>
        <span className="name">{session.name}</span>
      </Tooltip>
      {first === undefined ? null : (
        <Tooltip title={t("sessions.proxy", { count: connections.length, port: first.port })}>
          <button
            type="button"
            className="proxy"
            data-state={first.state}
            aria-label={t("sessions.proxy", { count: connections.length, port: first.port })}
            onClick={() => openConnection(first)}
            data-testid={`session-proxy-${session.name}`}
          >
            <Badge status={first.state === "listening" ? "success" : "warning"} />
            <span className="tabular">{first.port}</span>
          </button>
        </Tooltip>
      )}
    </span>
  );
}

function nameDetails(session: Session, project: string, group: string): string {
  const parts = [session.name, session.sessionType];
  if (session.project !== null) parts.push(`${project}: ${session.project}`);
  if (session.resourceGroup !== null) parts.push(`${group}: ${session.resourceGroup}`);
  return parts.join(" · ");
}

/** Says why when the apps cannot be reached; a click then asks the server and explains. */
function Control({ session, onOpen }: { session: Session; onOpen: () => void }) {
  const { t } = useTranslation();
  const reachable = isReachable(session.status);
  return (
    <Tooltip title={reachable ? t("sessions.apps") : t("sessions.appsNotNow", { status: session.status })}>
      <Button
        type="text"
        size="small"
        className={reachable ? "apps-button" : "apps-button not-now"}
        icon={<AppsIcon size={18} />}
        aria-label={t("sessions.appsOf", { name: session.name })}
        tabIndex={-1}
        onClick={onOpen}
        data-testid={`session-apps-${session.name}`}
        data-reachable={reachable}
      />
    </Tooltip>
  );
}
