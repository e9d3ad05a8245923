/** The account's keypair on the cluster: what it is, a new one, or one of the user's own. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { OwnKeys } from "../bindings/OwnKeys";
import { CopyButton } from "../components/copy";
import { Dialog } from "../components/dialog";
import { FailureAlert } from "../components/failure-alert";
import { keys } from "../state/live";

type Asking = "renew" | "register" | null;

export function AccountKey({ own }: { own: OwnKeys }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState<Asking>(null);
  const { account } = own;
  return (
    <section className="keys-section" aria-label={t("keys.account")}>
      <div className="setting-words">
        <h2>{t("keys.account")}</h2>
        <p className="quiet">{t("keys.accountHelp")}</p>
      </div>
      {own.accountProblem !== null ? (
        <FailureAlert type="warning" failure={own.accountProblem} testId="keys-account-problem" />
      ) : account === null ? (
        <p data-testid="keys-account-none">{t("keys.accountNone")}</p>
      ) : (
        <div className="account-key">
          <span className="mono" data-testid="keys-account">
            {account.algorithm} {account.fingerprint}
          </span>
          <CopyButton
            text={account.line}
            label={t("copy.what", { what: t("keys.publicKey") })}
            testId="keys-account-copy"
          />
        </div>
      )}
      <div className="key-actions">
        <Button onClick={() => setAsking("register")} data-testid="keys-register">
          {t("keys.register")}
        </Button>
        <Button onClick={() => setAsking("renew")} data-testid="keys-renew">
          {t("keys.renew")}
        </Button>
      </div>
      {asking === null ? null : <Ask what={asking} onClose={() => setAsking(null)} />}
    </section>
  );
}

function Ask({ what, onClose }: { what: "renew" | "register"; onClose: () => void }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const client = useQueryClient();
  const change = useMutation<OwnKeys | null, Failure>({
    mutationFn: () => (what === "renew" ? backend.renewAccountKey() : backend.registerAccountKey()),
    onSuccess: (now) => {
      // Null: the file dialog was cancelled.
      if (now === null) return;
      client.setQueryData<OwnKeys>(keys.ownKeys, now);
      onClose();
    },
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={t(`keys.${what}Title`)}
      width={460}
      testId={`keys-${what}-dialog`}
      footer={
        <>
          <span className="spacer" />
          <Button onClick={onClose} data-autofocus>
            {t("common.cancel")}
          </Button>
          <Button
            type="primary"
            danger={what === "renew"}
            loading={change.isPending}
            onClick={() => change.mutate()}
            data-testid={`keys-${what}-confirm`}
          >
            {t(`keys.${what}Confirm`)}
          </Button>
        </>
      }
    >
      <div className="ask">
        <Alert type="warning" showIcon title={t(`keys.${what}Warning`)} />
        <p>{t(`keys.${what}Text`)}</p>
        {change.error === null ? null : <FailureAlert failure={change.error} testId={`keys-${what}-error`} />}
      </div>
    </Dialog>
  );
}
