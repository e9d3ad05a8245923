/** The password has expired: a new one is chosen here, and the sign-in goes on with it. */
import { useMutation } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { type FormEvent, useEffect, useEffectEvent } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { SignInRequest } from "../bindings/SignInRequest";
import { FailureAlert } from "../components/failure-alert";
import { describeFailure } from "../lib/failures";
import { NewPasswordFields, useNewPassword } from "./new-password-fields";

export function NewPasswordForm({
  expired,
  request,
  onChanged,
  onBack,
}: {
  /** The refusal that led here. */
  expired: Failure;
  /** What was refused. */
  request: SignInRequest;
  onChanged: (password: string) => void;
  onBack: () => void;
}) {
  const { t } = useTranslation();
  const backend = useBackend();
  const chosen = useNewPassword();
  const change = useMutation<string, Failure, string>({
    mutationFn: async (password) => {
      await backend.changeExpiredPassword(request, password);
      return password;
    },
    onSuccess: onChanged,
  });

  const focus = useEffectEvent(chosen.focus);
  const refused = change.error !== null;
  useEffect(() => focus(), []);
  useEffect(() => {
    if (refused) focus();
  }, [refused]);

  function submit(event: FormEvent) {
    event.preventDefault();
    const password = change.isPending ? null : chosen.take();
    if (password !== null) change.mutate(password);
  }

  return (
    <form className="signin-form" onSubmit={submit} noValidate data-testid="new-password">
      <p className="signin-who">
        {request.user} · {request.address}
      </p>
      <Alert
        type="warning"
        showIcon
        title={describeFailure(t, expired).message}
        description={t("newPassword.text")}
      />
      <NewPasswordFields
        {...chosen.fields}
        refused={refused}
        disabled={change.isPending}
        onEdit={change.reset}
      />
      {change.error === null ? null : <FailureAlert failure={change.error} testId="new-password-error" />}
      <Button
        type="primary"
        htmlType="submit"
        block
        loading={change.isPending}
        data-testid="new-password-submit"
      >
        {t("newPassword.submit")}
      </Button>
      <Button type="text" block disabled={change.isPending} onClick={onBack}>
        {t("common.back")}
      </Button>
    </form>
  );
}
