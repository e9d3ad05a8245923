/** One local port: where to connect to, with what key, by which command, and how it is doing. */
import { useMutation } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import type { Failure, UrlKind } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import { CopyButton } from "../components/copy";
import { Dialog } from "../components/dialog";
import { FailureAlert } from "../components/failure-alert";
import { OpenIn } from "../handover/open-in";
import { appName } from "../lib/apps";
import { formatClock } from "../lib/format";
import { useConnections } from "../state/live";
import { useScreen } from "../state/screen";
import { CommandLine } from "./command-line";
import { KeySection } from "./key-section";
import { AwakeLine, Bytes, StateLine } from "./live-state";
import { StopButton } from "./stop-button";
import { portReasonText } from "./words";

export function ConnectionDialog() {
  const { t } = useTranslation();
  const { connection: asked, openConnection } = useScreen();
  const live = useConnections().find((c) => c.id === asked?.id);
  if (asked === null) return null;
  // A tunnel that vanished stays readable, as stopped.
  const connection = live ?? { ...asked, state: "stopped" as const };
  const close = () => openConnection(null);
  return (
    <Dialog
      key={asked.id}
      open
      onClose={close}
      title={t("connection.title", { app: appName(connection.app), name: connection.sessionName })}
      width={720}
      testId="connection-dialog"
      footer={
        <>
          {live === undefined ? null : (
            <StopButton connection={live} testId="connection-stop" onStopped={close} />
          )}
          <span className="spacer" />
          <Button onClick={close}>{t("common.close")}</Button>
        </>
      }
    >
      <Body connection={connection} />
    </Dialog>
  );
}

function Body({ connection }: { connection: Connection }) {
  const { t, i18n } = useTranslation();
  const { askSignIn } = useScreen();
  return (
    <div className="connection" data-connection={connection.id}>
      <div className="connection-live">
        <StateLine connection={connection} testId="connection-state" />
        <span className="spacer" />
        <Bytes connection={connection} testIds />
      </div>
      <AwakeLine connection={connection} />
      {connection.silentSince === null ? null : (
        <Alert
          type="warning"
          showIcon
          title={t("connection.noAnswer", { since: formatClock(connection.silentSince, i18n.language) })}
          description={t("connection.noAnswerMeans")}
          data-testid="connection-no-answer"
        />
      )}
      {connection.state === "signInNeeded" ? (
        <Alert
          type="warning"
          showIcon
          title={t("connection.signInNeeded")}
          action={
            <Button
              size="small"
              type="primary"
              onClick={() => askSignIn(true)}
              data-testid="connection-sign-in-again"
            >
              {t("signInAgain.action")}
            </Button>
          }
        />
      ) : null}
      {connection.incident === null ? null : (
        <FailureAlert
          type="warning"
          failure={connection.incident.error}
          lead={`${formatClock(connection.incident.at, i18n.language)} ·`}
          testId="connection-incident"
        />
      )}
      <dl className="endpoint">
        {connection.user === null ? null : (
          <Value name="user" label={t("connection.user")} value={connection.user} />
        )}
        <Value name="host" label={t("connection.host")} value={connection.host} />
        <Value name="port" label={t("connection.port")} value={String(connection.port)} />
      </dl>
      <p
        className="port-reason quiet"
        data-testid="connection-port-reason"
        data-reason={connection.portReason.kind}
      >
        {portReasonText(t, connection.portReason)}
      </p>
      {connection.app === "sshd" ? <Ssh connection={connection} /> : <p>{t("connection.plain")}</p>}
    </div>
  );
}

function Ssh({ connection }: { connection: Connection }) {
  const { t } = useTranslation();
  return (
    <>
      <dl className="urls">
        {connection.sshUrl === null ? null : (
          <Url connection={connection} kind="ssh" url={connection.sshUrl} />
        )}
        {connection.sftpUrl === null ? null : (
          <Url connection={connection} kind="sftp" url={connection.sftpUrl} />
        )}
      </dl>
      <OpenIn connection={connection} />
      <KeySection connection={connection} />
      <section aria-label={t("connection.commands")}>
        <h3>{t("connection.commands")}</h3>
        {connection.commands.map((command) => (
          <CommandLine
            key={command.kind}
            name={command.kind}
            label={t(`connection.command.${command.kind}`)}
            line={command.line}
          />
        ))}
      </section>
    </>
  );
}

function Value({ name, label, value }: { name: string; label: string; value: string }) {
  const { t } = useTranslation();
  return (
    <div className="value">
      <dt>{label}</dt>
      <dd>
        <span className="mono" data-testid={`connection-${name}`}>
          {value}
        </span>
        <CopyButton text={value} label={t("copy.what", { what: label })} testId={`connection-copy-${name}`} />
      </dd>
    </div>
  );
}

function Url({ connection, kind, url }: { connection: Connection; kind: UrlKind; url: string }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const open = useMutation<null, Failure>({
    mutationFn: () => backend.openConnectionUrl(connection.id, kind),
  });
  const label = t(`connection.url.${kind}`);
  return (
    <div className="url">
      <dt>{label}</dt>
      <dd>
        <a
          href={url}
          className="mono"
          title={t("connection.openUrl")}
          data-testid={`connection-${kind}-url`}
          onClick={(event) => {
            // The shell opens it; the webview must not navigate.
            event.preventDefault();
            open.mutate();
          }}
        >
          {url}
        </a>
        <CopyButton
          text={url}
          label={t("copy.what", { what: label })}
          testId={`connection-copy-${kind}-url`}
        />
      </dd>
      {open.error === null ? null : <FailureAlert failure={open.error} testId="connection-url-error" />}
    </div>
  );
}
