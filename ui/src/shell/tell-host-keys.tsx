/** Says that a restarted session has a new host key, while a program is just connecting to it. */
import { App } from "antd";
import { useEffect, useEffectEvent } from "react";
import { useTranslation } from "react-i18next";
import { useBackend } from "../backend/context";

export function TellHostKeys() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const backend = useBackend();

  const tell = useEffectEvent((session: string) => {
    void message.info(t("connection.hostKeyRenewed", { session }), 8);
  });
  useEffect(() => {
    const listening = backend.listen((event) => {
      if (event.kind === "hostKeyRenewed") tell(event.sessionName || event.sessionId);
    });
    return () => void listening.then((stop) => stop());
  }, [backend]);
  return null;
}
