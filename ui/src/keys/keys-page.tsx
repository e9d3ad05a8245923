/** The user's own keys: the account's on the cluster, those of this computer, and saved copies of sessions' keys. */
import { useQuery } from "@tanstack/react-query";
import { Button, Skeleton } from "antd";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { LocalKey } from "../bindings/LocalKey";
import type { OwnKeys } from "../bindings/OwnKeys";
import { FailureAlert } from "../components/failure-alert";
import { TooOpen } from "../handover/too-open";
import { keys } from "../state/live";
import { AccountKey } from "./account-key";
import { AddKeyDialog } from "./add-key-dialog";

export function KeysPage() {
  const { t } = useTranslation();
  const backend = useBackend();
  const own = useQuery<OwnKeys, Failure>({
    queryKey: keys.ownKeys,
    queryFn: () => backend.ownKeys(),
    staleTime: 0,
  });
  return (
    <div className="settings keys" data-testid="keys-page">
      <h1>{t("keys.title")}</h1>
      {own.data === undefined ? (
        own.error === null ? (
          <Skeleton active title={false} data-testid="keys-loading" />
        ) : (
          <FailureAlert
            failure={own.error}
            testId="keys-error"
            action={<Button onClick={() => void own.refetch()}>{t("common.retry")}</Button>}
          />
        )
      ) : (
        <>
          <AccountKey own={own.data} />
          <LocalKeys local={own.data.local} />
          <SavedKeys own={own.data} />
        </>
      )}
    </div>
  );
}

function LocalKeys({ local }: { local: LocalKey[] }) {
  const { t } = useTranslation();
  // The line to add; an empty one is typed in the dialog.
  const [adding, setAdding] = useState<string | null>(null);
  return (
    <section className="keys-section" aria-label={t("keys.local")}>
      <div className="key-head">
        <div className="setting-words">
          <h2>{t("keys.local")}</h2>
          <p className="quiet">{t("keys.localHelp")}</p>
        </div>
        <Button onClick={() => setAdding("")} data-testid="keys-paste">
          {t("keys.paste")}
        </Button>
      </div>
      {local.length === 0 ? (
        <p className="quiet" data-testid="keys-local-none">
          {t("keys.localNone")}
        </p>
      ) : (
        <ul className="key-rows">
          {local.map((key) => (
            <li key={key.path} data-testid={`keys-local-${fileName(key.path)}`}>
              <KeyRound size={15} aria-hidden />
              <span className="key-words">
                <span className="mono ellipsis" title={key.path}>
                  {fileName(key.path)}
                  {key.key.comment === "" ? null : <span className="quiet"> {key.key.comment}</span>}
                </span>
                <span className="mono quiet ellipsis">
                  {key.key.algorithm} {key.key.fingerprint}
                </span>
              </span>
              <Button
                size="small"
                onClick={() => setAdding(key.key.line)}
                data-testid={`keys-add-${fileName(key.path)}`}
              >
                {t("keys.addToSession")}
              </Button>
              {key.tooOpen && key.privatePath !== null ? <TooOpen path={key.privatePath} /> : null}
            </li>
          ))}
        </ul>
      )}
      {adding === null ? null : <AddKeyDialog line={adding} onClose={() => setAdding(null)} />}
    </section>
  );
}

function SavedKeys({ own }: { own: OwnKeys }) {
  const { t } = useTranslation();
  if (own.saved.length === 0) return null;
  return (
    <section className="keys-section" aria-label={t("keys.saved")}>
      <div className="setting-words">
        <h2>{t("keys.saved")}</h2>
        <p className="quiet">{t("keys.savedHelp")}</p>
      </div>
      <ul className="key-rows">
        {own.saved.map((key) => (
          <li key={key.path}>
            <KeyRound size={15} aria-hidden />
            <span className="key-words">
              <span className="mono ellipsis" title={key.path}>
                {key.path}
              </span>
              <span className="quiet ellipsis">{t("keys.savedFrom", { session: key.session })}</span>
            </span>
            {key.tooOpen ? <TooOpen path={key.path} /> : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

function fileName(path: string): string {
  return path.split(/[\\/]/).pop() ?? path;
}
