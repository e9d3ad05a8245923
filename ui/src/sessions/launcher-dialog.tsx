/** The apps that a session offers, asked when the dialog opens; the reachable ones open a local port. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Skeleton } from "antd";
import { LoaderCircle } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { App } from "../bindings/App";
import type { Connection } from "../bindings/Connection";
import { AppIcon } from "../components/app-icon";
import { Dialog } from "../components/dialog";
import { FailureAlert } from "../components/failure-alert";
import { Recover } from "../components/recover";
import { appName, groupApps } from "../lib/apps";
import { keys, useAddConnection, useConnections, useSessions } from "../state/live";
import { useScreen } from "../state/screen";
import { useOnChange } from "../state/use-on-change";

export function LauncherDialog({ logins }: { logins: number }) {
  const { t } = useTranslation();
  const { launcher, openLauncher } = useScreen();
  const session = useSessions().data?.sessions.find((s) => s.id === launcher);
  return (
    <Dialog
      open={launcher !== null}
      onClose={() => openLauncher(null)}
      title={session === undefined ? t("launcher.title") : t("launcher.titleOf", { name: session.name })}
      width={520}
      testId="launcher-dialog"
    >
      {launcher === null ? null : (
        <Apps sessionId={launcher} status={session?.status ?? ""} logins={logins} />
      )}
    </Dialog>
  );
}

function Apps({ sessionId, status, logins }: { sessionId: string; status: string; logins: number }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const { openLauncher, openConnection, askSignIn } = useScreen();
  const add = useAddConnection();
  const open = useConnections().filter((c) => c.sessionId === sessionId && c.state !== "stopped");

  const apps = useQuery<App[], Failure>({
    queryKey: keys.apps(sessionId),
    queryFn: () => backend.sessionApps(sessionId),
    staleTime: 0,
    gcTime: 0,
  });
  const connect = useMutation<Connection, Failure, string>({
    mutationFn: (app) => backend.connect(sessionId, app),
    onSuccess: (connection) => {
      add(connection);
      openLauncher(null);
      openConnection(connection);
    },
  });

  // The session has come to run (or stopped running) while the dialog is open: ask again.
  const { refetch } = apps;
  useOnChange(status, () => void refetch());
  // Signed in again: go on with what the expired login had interrupted.
  useOnChange(logins, () => {
    if (connect.error?.code === "not-signed-in" && connect.variables !== undefined) {
      connect.mutate(connect.variables);
    } else if (apps.error?.code === "not-signed-in") {
      void refetch();
    }
  });
  const expired = apps.error?.code === "not-signed-in" || connect.error?.code === "not-signed-in";
  useEffect(() => {
    if (expired) askSignIn(true);
  }, [expired, askSignIn]);

  // A refusal stays until there is another answer, so that it does not blink at each step of a starting session.
  const [refusal, setRefusal] = useState<Failure | null>(null);
  if (!apps.isFetching && refusal !== apps.error) setRefusal(apps.error);
  if (refusal !== null) {
    return (
      <FailureAlert
        failure={refusal}
        type={["session-not-running", "session-ended"].includes(refusal.code) ? "warning" : "error"}
        testId="launcher-error"
        action={<Recover failure={refusal} onRetry={() => void refetch()} busy={apps.isFetching} />}
      />
    );
  }
  if (apps.data === undefined) {
    return (
      <div role="status" aria-label={t("launcher.loading")} data-testid="launcher-loading">
        <Skeleton active title={false} paragraph={{ rows: 3 }} />
      </div>
    );
  }
  const { reachable, web } = groupApps(apps.data);
  const pending = connect.isPending ? connect.variables : null;
  return (
    <div className="launcher">
      {reachable.length === 0 ? <p data-testid="launcher-empty">{t("launcher.none")}</p> : null}
      <div className="app-grid">
        {reachable.map((app) => {
          const port = open.find((c) => c.app === app.name)?.port;
          return (
            <button
              key={app.name}
              type="button"
              className="app-tile"
              aria-busy={pending === app.name}
              disabled={pending !== null}
              // biome-ignore lint/a11y/noAutofocus: Enter on a row, Enter on SSH / SFTP
              autoFocus={app.name === "sshd"}
              onClick={() => connect.mutate(app.name)}
              data-testid={`launcher-app-${app.name}`}
            >
              <span className="app-tile-icon">
                {pending === app.name ? (
                  <LoaderCircle size={28} className="spinning" aria-hidden />
                ) : (
                  <AppIcon name={app.name} size={28} />
                )}
              </span>
              <span className="app-tile-name">{appName(app.name)}</span>
              <span className="app-tile-note tabular">
                {pending === app.name
                  ? t("launcher.opening")
                  : port === undefined
                    ? app.name === "sshd"
                      ? t("launcher.sshd")
                      : app.protocol
                    : t("launcher.open", { port })}
              </span>
            </button>
          );
        })}
      </div>
      {connect.error === null ? null : (
        <FailureAlert
          failure={connect.error}
          testId="launcher-error"
          action={
            <Recover
              failure={connect.error}
              onRetry={() => connect.variables && connect.mutate(connect.variables)}
            />
          }
        />
      )}
      {web.length === 0 ? null : (
        <p className="quiet launcher-web" data-testid="launcher-web">
          {t("launcher.web", { apps: web.map((a) => appName(a.name)).join(", ") })}
        </p>
      )}
    </div>
  );
}
