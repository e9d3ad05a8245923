/** Lets a public key into a running session, beside the keys that may log in already. */
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Input, Select } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { AddedKey } from "../bindings/AddedKey";
import { Dialog } from "../components/dialog";
import { FailureAlert } from "../components/failure-alert";
import { Field } from "../sign-in/field";
import { useSessions } from "../state/live";

export function AddKeyDialog({
  line,
  onClose,
}: {
  /** The key's line; an empty one is asked for. */
  line: string;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const backend = useBackend();
  const [sessionId, keyId] = [useId(), useId()];
  const running = (useSessions().data?.sessions ?? []).filter((s) => s.status.startsWith("RUNNING"));
  const [session, setSession] = useState<string | null>(running[0]?.id ?? null);
  const [typed, setTyped] = useState(line);
  const add = useMutation<AddedKey, Failure, string>({
    mutationFn: (id) => backend.addKeyToSession(id, typed),
  });
  const ready = session !== null && typed.trim() !== "";
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("addKey.title")}
      width={520}
      sticky={line === ""}
      testId="add-key-dialog"
      footer={
        <>
          <span className="spacer" />
          <Button onClick={onClose}>{add.isSuccess ? t("common.close") : t("common.cancel")}</Button>
          <Button
            type="primary"
            disabled={!ready}
            loading={add.isPending}
            onClick={() => session !== null && add.mutate(session)}
            data-testid="add-key-confirm"
          >
            {t("addKey.add")}
          </Button>
        </>
      }
    >
      <div className="ask">
        <Field id={sessionId} label={t("addKey.session")} help={t("addKey.sessionHelp")}>
          <Select
            id={sessionId}
            className="wide"
            value={session}
            placeholder={t("addKey.noSession")}
            onChange={(id: string) => {
              setSession(id);
              add.reset();
            }}
            options={running.map((s) => ({ value: s.id, label: s.name }))}
            data-testid="add-key-session"
          />
        </Field>
        <Field id={keyId} label={t("keys.publicKey")} help={t("addKey.keyHelp")}>
          <Input.TextArea
            id={keyId}
            className="mono"
            value={typed}
            rows={4}
            readOnly={line !== ""}
            spellCheck={false}
            placeholder="ssh-ed25519 AAAA…"
            onChange={(event) => {
              setTyped(event.target.value);
              add.reset();
            }}
            data-autofocus={line === "" ? true : undefined}
            data-testid="add-key-line"
          />
        </Field>
        {add.error === null ? null : <FailureAlert failure={add.error} testId="add-key-error" />}
        {add.data === undefined ? null : (
          <Alert
            type="success"
            showIcon
            title={
              add.data.wasThere
                ? t("addKey.wasThere", { session: add.data.session })
                : t("addKey.added", { session: add.data.session })
            }
            data-testid="add-key-done"
          />
        )}
      </div>
    </Dialog>
  );
}
