/** Changing the account's password while it is good. */
import { useMutation } from "@tanstack/react-query";
import { App, Button, Input, type InputRef } from "antd";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import { Dialog } from "../components/dialog";
import { FailureAlert } from "../components/failure-alert";
import { Field } from "../sign-in/field";
import { NewPasswordFields, useNewPassword } from "../sign-in/new-password-fields";

export function ChangePasswordDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={t("changePassword.title")}
      width={400}
      sticky
      testId="change-password-dialog"
    >
      <ChangePasswordForm onDone={onClose} />
    </Dialog>
  );
}

function ChangePasswordForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const backend = useBackend();
  const id = useId();
  const [current, setCurrent] = useState("");
  const [isAbsent, setIsAbsent] = useState(false);
  const currentInput = useRef<InputRef>(null);
  const chosen = useNewPassword();
  const change = useMutation<null, Failure, string>({
    mutationFn: (password) => backend.changePassword(current, password),
    onSuccess: () => {
      message.success(t("changePassword.done"));
      onDone();
    },
  });
  const isWrong = change.error?.code === "wrong-password";
  useEffect(() => {
    if (isWrong) currentInput.current?.focus({ cursor: "all" });
  }, [isWrong]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (change.isPending) return;
    setIsAbsent(current === "");
    const password = chosen.take();
    if (current === "") currentInput.current?.focus();
    else if (password !== null) change.mutate(password);
  }

  return (
    <form className="signin-form" onSubmit={submit} noValidate>
      <Field
        id={`${id}-current`}
        label={t("changePassword.current")}
        error={isAbsent ? t("changePassword.absent") : undefined}
      >
        <Input
          ref={currentInput}
          type="password"
          id={`${id}-current`}
          value={current}
          onChange={(event) => {
            setCurrent(event.target.value);
            setIsAbsent(false);
            change.reset();
          }}
          autoComplete="current-password"
          disabled={change.isPending}
          status={isAbsent || isWrong ? "error" : ""}
          aria-invalid={isAbsent || isWrong}
          aria-describedby={`${id}-current-note`}
          data-autofocus
          data-testid="change-password-current"
        />
      </Field>
      <NewPasswordFields
        {...chosen.fields}
        refused={change.error?.code === "new-password-refused"}
        disabled={change.isPending}
        onEdit={change.reset}
      />
      {change.error === null ? null : <FailureAlert failure={change.error} testId="change-password-error" />}
      <Button
        type="primary"
        htmlType="submit"
        block
        loading={change.isPending}
        data-testid="change-password-submit"
      >
        {t("changePassword.submit")}
      </Button>
    </form>
  );
}
