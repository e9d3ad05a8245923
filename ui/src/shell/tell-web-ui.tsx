/** Says in the main window what the WebUI's window has opened, with the way to Berth's own dialog. */
import { App, Button } from "antd";
import { useEffect, useEffectEvent } from "react";
import { useTranslation } from "react-i18next";
import { useBackend } from "../backend/context";
import { appName } from "../lib/apps";
import { useConnections } from "../state/live";
import { useScreen } from "../state/screen";

export function TellWebUi() {
  const { t } = useTranslation();
  const { notification } = App.useApp();
  const backend = useBackend();
  const connections = useConnections();
  const { openConnection } = useScreen();

  const tell = useEffectEvent((id: string) => {
    const connection = connections.find((c) => c.id === id);
    if (connection === undefined) return;
    const { sessionName: session, host, port } = connection;
    const app = appName(connection.app);
    notification.open({
      key: id,
      title: t("webUi.opened", { app, session }),
      description: <span data-testid="webui-opened">{`${host}:${port}`}</span>,
      actions: (
        <Button
          size="small"
          type="primary"
          onClick={() => {
            notification.destroy(id);
            openConnection(connection);
          }}
          data-testid="webui-opened-show"
        >
          {t("webUi.show")}
        </Button>
      ),
      duration: 15,
      placement: "bottomRight",
    });
  });
  useEffect(() => {
    const listening = backend.listen((event) => {
      // The connection itself has come with an event before; let it reach the screen first.
      if (event.kind === "openedByWebUi") setTimeout(() => tell(event.id), 0);
    });
    return () => void listening.then((stop) => stop());
  }, [backend]);
  return null;
}
