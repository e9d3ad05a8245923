/** Says in the main window what the WebUI's window has opened: how it does, and where to go on from there. */
import { App, Button } from "antd";
import { useEffect, useEffectEvent } from "react";
import { useTranslation } from "react-i18next";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import { Bytes, StateLine } from "../connections/live-state";
import { useOpenIn } from "../handover/use-open-in";
import { appName } from "../lib/apps";
import { useConnections } from "../state/live";
import { useScreen } from "../state/screen";

/** Seconds that it stays unless it is used. */
const STAYS = 20;

export function TellWebUi() {
  const { t } = useTranslation();
  const { notification } = App.useApp();
  const backend = useBackend();
  const connections = useConnections();
  const { openConnection } = useScreen();

  const show = (connection: Connection, duration: number) => {
    const { id, sessionName: session } = connection;
    notification.open({
      key: id,
      title: t("webUi.opened", { app: appName(connection.app), session }),
      description: (
        <Opened
          connection={connection}
          onUsed={() => show(connection, 0)}
          onShow={(now) => {
            notification.destroy(id);
            openConnection(now);
          }}
        />
      ),
      duration,
      placement: "bottomRight",
      className: "webui-notice",
    });
  };
  const tell = useEffectEvent((id: string) => {
    const connection = connections.find((c) => c.id === id);
    if (connection !== undefined) show(connection, STAYS);
  });
  const forget = useEffectEvent((id: string) => notification.destroy(id));
  useEffect(() => {
    const listening = backend.listen((event) => {
      // The connection itself has come with an event before; let it reach the screen first.
      if (event.kind === "openedByWebUi") setTimeout(() => tell(event.id), 0);
      else if (event.kind === "connectionRemoved") forget(event.id);
    });
    return () => void listening.then((stop) => stop());
  }, [backend]);
  return null;
}

interface OpenedProps {
  connection: Connection;
  onUsed: () => void;
  onShow: (connection: Connection) => void;
}

function Opened({ connection: first, onUsed, onShow }: OpenedProps) {
  const { t } = useTranslation();
  const connection = useConnections().find((c) => c.id === first.id) ?? first;
  const { button, rest } = useOpenIn(connection, { testId: "webui-open-in", size: "small", onUsed });
  return (
    <div className="webui-opened">
      <span className="mono" data-testid="webui-opened">{`${connection.host}:${connection.port}`}</span>
      <div className="webui-opened-live">
        <StateLine connection={connection} testId="webui-opened-state" />
        <span className="spacer" />
        <Bytes connection={connection} />
      </div>
      <div className="webui-opened-actions">
        {connection.app === "sshd" ? button : null}
        <Button
          size="small"
          type="primary"
          onClick={() => onShow(connection)}
          data-testid="webui-opened-show"
        >
          {t("webUi.show")}
        </Button>
      </div>
      {rest}
    </div>
  );
}
