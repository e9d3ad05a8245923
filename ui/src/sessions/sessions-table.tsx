/** The table of sessions: arrows move, Enter opens the launcher, the app icon is the first control. */
import { Badge, Button, Tooltip } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Connection } from "../bindings/Connection";
import type { Session } from "../bindings/Session";
import { AppsIcon } from "../components/app-icon";
import { type Column, DataTable } from "../components/data-table";
import { Hint } from "../components/hint";
import { RelativeTime } from "../components/relative-time";
import { resourceParts, shortImage } from "../lib/format";
import { isReachable, statusTone } from "../lib/status";
import { useConnections } from "../state/live";
import { useScreen } from "../state/screen";
import { NARROW, useMedia } from "../state/use-media";

export function SessionsTable({ sessions }: { sessions: Session[] }) {
  const { t, i18n } = useTranslation();
  const { openLauncher } = useScreen();
  const locale = i18n.language;
  const narrow = useMedia(NARROW);

  const columns = useMemo<Column<Session>[]>(() => {
    const all: Column<Session>[] = [
      {
        key: "name",
        title: t("sessions.columns.name"),
        compare: (a, b) => a.name.localeCompare(b.name, locale),
        render: (session) => <NameCell session={session} withImage={narrow} />,
      },
      {
        key: "status",
        title: t("sessions.columns.status"),
        width: 130,
        compare: (a, b) => a.status.localeCompare(b.status),
        render: (session) => (
          <Tooltip title={session.statusInfo}>
            <span
              className="status"
              data-tone={statusTone(session.status)}
              data-info={session.statusInfo !== null}
              data-testid={`session-status-${session.name}`}
            >
              {session.status}
            </span>
          </Tooltip>
        ),
      },
      {
        key: "control",
        title: t("sessions.columns.control"),
        width: 76,
        render: (session) => <Control session={session} onOpen={() => openLauncher(session.id)} />,
      },
      {
        key: "image",
        title: t("sessions.columns.image"),
        compare: (a, b) => shortImage(a.image).localeCompare(shortImage(b.image)),
        render: (session) => (
          <span className="mono ellipsis" title={session.image}>
            {shortImage(session.image)}
          </span>
        ),
      },
      {
        key: "resources",
        title: t("sessions.columns.resources"),
        width: 200,
        render: (session) => (
          <span className="tabular nowrap">{resourceParts(session.resources, locale).join(" · ")}</span>
        ),
      },
      {
        key: "age",
        title: t("sessions.columns.age"),
        width: 104,
        compare: (a, b) => (b.createdAt ?? "").localeCompare(a.createdAt ?? ""),
        render: (session) => (session.createdAt === null ? null : <RelativeTime at={session.createdAt} />),
      },
    ];
    return narrow ? all.filter((column) => column.key !== "image") : all;
  }, [t, locale, openLauncher, narrow]);

  return (
    <DataTable
      label={t("nav.sessions")}
      columns={columns}
      rows={sessions}
      rowKey={(session) => session.id}
      rowTestId={(session) => `session-row-${session.name}`}
      onOpen={(session) => openLauncher(session.id)}
      testId="sessions-table"
    />
  );
}

function NameCell({ session, withImage }: { session: Session; withImage: boolean }) {
  const { t } = useTranslation();
  const { openConnection } = useScreen();
  const open = useConnections().filter((c) => c.sessionId === session.id && c.state !== "stopped");
  const first = open.find((c) => c.app === "sshd") ?? open[0];
  return (
    <span className="name-cell">
      <span
        className="name-lines"
        title={details(session, t("sessions.project"), t("sessions.resourceGroup"))}
      >
        <span className="name ellipsis">{session.name}</span>
        {withImage ? <span className="mono quiet ellipsis">{shortImage(session.image)}</span> : null}
      </span>
      {first === undefined ? null : (
        <ProxyMark connection={first} count={open.length} onOpen={() => openConnection(first)} />
      )}
    </span>
  );
}

/** Says that the session has an open port; a click shows it. */
function ProxyMark({
  connection,
  count,
  onOpen,
}: {
  connection: Connection;
  count: number;
  onOpen: () => void;
}) {
  const { t } = useTranslation();
  const { port, state, sessionName } = connection;
  const words = t("sessions.proxy", { count, port });
  return (
    <Hint title={words}>
      <button
        type="button"
        className="proxy"
        aria-label={words}
        onClick={onOpen}
        data-state={state}
        data-testid={`session-proxy-${sessionName}`}
      >
        <Badge status={state === "listening" ? "success" : "warning"} />
        <span className="tabular">{port}</span>
      </button>
    </Hint>
  );
}

function details(session: Session, project: string, group: string): string {
  const parts = [session.name, session.image, session.sessionType];
  if (session.project !== null) parts.push(`${project}: ${session.project}`);
  if (session.resourceGroup !== null) parts.push(`${group}: ${session.resourceGroup}`);
  return parts.join("\n");
}

/** Says why when the apps cannot be reached; a click then asks the server and explains. */
function Control({ session, onOpen }: { session: Session; onOpen: () => void }) {
  const { t } = useTranslation();
  const reachable = isReachable(session.status);
  return (
    <Hint title={reachable ? t("sessions.apps") : t("sessions.appsNotNow", { status: session.status })}>
      <Button
        type="text"
        size="small"
        className={reachable ? "apps-button" : "apps-button not-now"}
        icon={<AppsIcon size={18} />}
        aria-label={t("sessions.appsOf", { name: session.name })}
        onClick={onOpen}
        data-testid={`session-apps-${session.name}`}
        data-reachable={reachable}
      />
    </Hint>
  );
}
