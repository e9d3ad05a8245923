/** The login has expired: renew it over whatever is open, and keep what is behind. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Modal } from "antd";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Account } from "../bindings/Account";
import { FailureAlert } from "../components/failure-alert";
import { signedIn, useStartup } from "../state/live";
import { SignInForm } from "./sign-in-form";

export function SignInAgainDialog({
  account,
  open,
  onClose,
}: {
  account: Account;
  open: boolean;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const startup = useStartup();
  return (
    <Modal
      open={open}
      onCancel={onClose}
      title={t("signInAgain.title")}
      footer={null}
      width={420}
      zIndex={1200}
      destroyOnHidden
      mask={{ closable: false }}
      data-testid="signin-again-dialog"
    >
      <p>{t("signInAgain.text")}</p>
      {account.demo ? (
        <DemoAgain onDone={onClose} />
      ) : (
        <SignInForm
          fixed
          start={{
            address: account.server.address,
            mode: account.server.mode,
            user: account.user,
            tls: account.tls,
          }}
          profiles={[]}
          secretPlace={startup?.secretPlace ?? "memory"}
          rememberAtFirst={account.secretPlace !== "memory"}
          onSignedIn={onClose}
        />
      )}
    </Modal>
  );
}

function DemoAgain({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const client = useQueryClient();
  const demo = useMutation<Account, Failure>({
    mutationFn: () => backend.signInDemo(),
    onSuccess: (account) => {
      signedIn(client, account);
      onDone();
    },
  });
  return (
    <div className="signin-form">
      {demo.error === null ? null : <FailureAlert failure={demo.error} testId="signin-error" />}
      <Button
        type="primary"
        block
        loading={demo.isPending}
        onClick={() => demo.mutate()}
        data-testid="signin-demo"
      >
        {t("signInAgain.demo")}
      </Button>
    </div>
  );
}
