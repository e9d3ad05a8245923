/** The key that opens the session, and saving a copy of it. */
import { skipToken, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { KeyRound } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import type { SavedKey } from "../bindings/SavedKey";
import { FailureAlert } from "../components/failure-alert";
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
      if (result !== null) client.setQueryData<SavedKey>(queryKey, result);
    },
  });
  const { key, keyProblem } = connection;
  return (
    <section aria-label={t("key.title")} className="key">
      <div className="key-head">
        <h3>{t("key.title")}</h3>
        {key === null ? null : (
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
        </dl>
      )}
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
