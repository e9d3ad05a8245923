/** Tells of lost connections: by the system while the window is out of sight, else in the window. */
import { App } from "antd";
import { useEffect, useEffectEvent, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import { describeFailure, failureLine } from "../lib/failures";
import { Incidents } from "../lib/incidents";
import { useConnections } from "../state/live";
import { useScreen } from "../state/screen";

export function TellIncidents() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const backend = useBackend();
  const connections = useConnections();
  const { connection: shown } = useScreen();
  const incidents = useRef<Incidents>(null);

  const tell = useEffectEvent((connection: Connection) => {
    if (connection.incident === null) return;
    const { error } = connection.incident;
    const sentence = describeFailure(t, error);
    if (!document.hasFocus()) {
      void backend.notify(sentence.message, sentence.hint).catch(() => undefined);
    } else if (shown?.id !== connection.id) {
      // The connection's own dialog says it already.
      void message.warning(failureLine(t, error), 8);
    }
  });
  useEffect(() => {
    incidents.current ??= new Incidents(connections);
    for (const connection of incidents.current.news(connections)) tell(connection);
  }, [connections]);
  return null;
}
