/** Signing out, after saying what it closes. */
import { useMutation } from "@tanstack/react-query";
import { App, Button } from "antd";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import { Dialog } from "../components/dialog";
import { failureLine } from "../lib/failures";

export function useSignOut(): () => void {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const backend = useBackend();
  const { mutate } = useMutation<null, Failure>({
    mutationFn: () => backend.signOut(),
    onError: (failure) => message.error(failureLine(t, failure)),
  });
  return useCallback(() => mutate(), [mutate]);
}

export function SignOutDialog({
  ports,
  open,
  onClose,
}: {
  ports: number;
  open: boolean;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const signOut = useSignOut();
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={t("signOut.title")}
      width={360}
      testId="signout-dialog"
      footer={
        <>
          <span className="spacer" />
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button
            type="primary"
            onClick={() => {
              onClose();
              signOut();
            }}
            data-autofocus
            data-testid="signout-confirm"
          >
            {t("signOut.action")}
          </Button>
        </>
      }
    >
      <p>{t("signOut.closes", { count: ports })}</p>
    </Dialog>
  );
}
