/** The key that opens the session, and saving a copy of it. */
import { skipToken, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import type { OwnKeys } from "../bindings/OwnKeys";
import type { SavedKey } from "../bindings/SavedKey";
import type { SavedKeyFile } from "../bindings/SavedKeyFile";
import { FailureAlert } from "../components/failure-alert";
import { PpkForm } from "../handover/ppk-form";
import { TooOpen } from "../handover/too-open";
import { keys } from "../state/live";
import { CommandLine } from "./command-line";

export function KeySection({ connection }: { connection: Connection }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const client = useQueryClient();
  const queryKey = keys.savedKey(connection.id);
  const saved = useQuery<SavedKey>({ queryKey, queryFn: skipToken }).data;
  const save = useMutation<SavedKey | null, Failure>({
    mutationFn: () => backend.saveSshKey(connection.id),
    onSuccess: (result) => {
      if (result === null) return;
      client.setQueryData<SavedKey>(queryKey, result);
      void client.invalidateQueries({ queryKey: keys.savedKeys });
    },
  });
  const [ppk, setPpk] = useState(false);
  const copies = useQuery<SavedKeyFile[], Failure>({
    queryKey: keys.savedKeys,
    queryFn: () => backend.savedKeys(),
    staleTime: 0,
  });
  const { key, keyProblem } = connection;
  const own = useQuery<OwnKeys, Failure>({
    queryKey: keys.ownKeys,
    queryFn: key === null ? skipToken : () => backend.ownKeys(),
  }).data;
  const ofAccount = own?.account?.fingerprint === key?.fingerprint;
  return (
    <section aria-label={t("key.title")} className="key">
      <div className="key-head">
        <h3>{t("key.title")}</h3>
        {key === null ? null : (
          <span className="key-buttons">
            <Button
              disabled={connection.state === "stopped"}
              aria-expanded={ppk}
              onClick={() => setPpk(!ppk)}
              data-testid="connection-save-ppk"
            >
              {t("ppk.action")}
            </Button>
            <Button
              type="primary"
              icon={<KeyRound size={14} />}
              loading={save.isPending}
              disabled={connection.state === "stopped"}
              onClick={() => save.mutate()}
              data-testid="connection-download-key"
            >
              {t("key.download")}
            </Button>
          </span>
        )}
      </div>
      {key === null ? (
        keyProblem === null ? null : (
          <FailureAlert type="warning" failure={keyProblem} testId="connection-key-problem" />
        )
      ) : (
        <dl className="facts">
          <dt>{t("key.path")}</dt>
          <dd className="mono" data-testid="connection-key-path">
            {key.path}
          </dd>
          <dt>{t("key.fingerprint")}</dt>
          <dd className="mono" data-testid="connection-key-fingerprint">
            {key.algorithm} {key.fingerprint}
          </dd>
          {own === undefined || own.accountProblem !== null ? null : (
            <>
              <dt>{t("key.origin")}</dt>
              <dd data-testid="connection-key-origin">
                {ofAccount ? t("key.ofAccount") : t("key.ofSession")}
              </dd>
            </>
          )}
        </dl>
      )}
      {ppk && key !== null ? (
        <PpkForm
          connectionId={connection.id}
          onSaved={() => void client.invalidateQueries({ queryKey: keys.savedKeys })}
        />
      ) : null}
      {(copies.data ?? [])
        .filter((copy) => copy.tooOpen && copy.fingerprint === key?.fingerprint)
        .map((copy) => (
          <TooOpen key={copy.path} path={copy.path} />
        ))}
      {save.error === null ? null : <FailureAlert failure={save.error} testId="connection-key-error" />}
      {saved === undefined ? null : (
        <>
          <Alert
            type="success"
            showIcon
            title={t("key.saved")}
            description={
              <span className="mono" data-testid="connection-saved-key">
                {saved.path}
              </span>
            }
          />
          <CommandLine name="saved-ssh" label={t("key.savedCommand")} line={saved.sshCommand} />
        </>
      )}
    </section>
  );
}
