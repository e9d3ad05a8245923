/** The login has expired: renew it over whatever is open, and keep what is behind. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Account } from "../bindings/Account";
import { Dialog } from "../components/dialog";
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
    <Dialog
      open={open}
      onClose={onClose}
      title={t("signInAgain.title")}
      width={420}
      sticky
      testId="signin-again-dialog"
    >
      <div className="signin-again">
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
      </div>
    </Dialog>
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
