/** A session in the programs that this computer has: the installed ones first, the others with a link. */
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import { CopyButton } from "../components/copy";
import { keys } from "../state/live";
import { useOpenIn } from "./use-open-in";

export function OpenIn({ connection }: { connection: Connection }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const { button, rest, inSshConfig } = useOpenIn(connection, { testId: "open-in" });
  const host = useQuery<string, Failure>({
    queryKey: keys.sshHost(connection.id),
    queryFn: () => backend.sshHost(connection.id),
  });
  return (
    <section aria-label={t("openIn.title")} className="open-in">
      <div className="key-head">
        <h3>{t("openIn.title")}</h3>
        {inSshConfig && host.data !== undefined ? (
          <span className="open-in-host">
            <span className="mono" data-testid="connection-ssh-host">
              {host.data}
            </span>
            <CopyButton
              text={host.data}
              label={t("copy.what", { what: t("openIn.host") })}
              testId="connection-copy-ssh-host"
            />
          </span>
        ) : null}
        <span className="spacer" />
        {button}
      </div>
      {rest}
    </section>
  );
}
