/** Saving a key in PuTTY's own format: for which PuTTY, and with which passphrase. */
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Input, Segmented } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { SavedKey } from "../bindings/SavedKey";
import { FailureAlert } from "../components/failure-alert";
import { CommandLine } from "../connections/command-line";

export function PpkForm({ connectionId, onSaved }: { connectionId: string; onSaved: () => void }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const id = useId();
  const [old, setOld] = useState(false);
  const [passphrase, setPassphrase] = useState("");
  const save = useMutation<SavedKey | null, Failure>({
    mutationFn: () =>
      backend.saveSshKeyAsPpk(connectionId, { old, passphrase: passphrase === "" ? null : passphrase }),
    onSuccess: (saved) => {
      if (saved === null) return;
      setPassphrase("");
      onSaved();
    },
  });
  return (
    <>
      <form
        className="ppk"
        data-testid="ppk-form"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Segmented<boolean>
          value={old}
          onChange={setOld}
          aria-label={t("ppk.version")}
          options={[
            { value: false, label: <span data-testid="ppk-new">{t("ppk.new")}</span> },
            { value: true, label: <span data-testid="ppk-old">{t("ppk.old")}</span> },
          ]}
        />
        <label htmlFor={id} className="visually-hidden">
          {t("ppk.passphrase")}
        </label>
        <Input.Password
          id={id}
          value={passphrase}
          placeholder={t("ppk.passphrase")}
          autoComplete="new-password"
          onChange={(event) => setPassphrase(event.target.value)}
          data-testid="ppk-passphrase"
        />
        <Button htmlType="submit" type="primary" loading={save.isPending} data-testid="ppk-save">
          {t("ppk.save")}
        </Button>
      </form>
      {save.error === null ? null : <FailureAlert failure={save.error} testId="ppk-error" />}
      {save.data ? (
        <>
          <Alert
            type="success"
            showIcon
            title={t("key.saved")}
            description={
              <span className="mono" data-testid="ppk-saved">
                {save.data.path}
              </span>
            }
          />
          <CommandLine name="putty" label={t("ppk.command")} line={save.data.sshCommand} />
        </>
      ) : null}
    </>
  );
}
