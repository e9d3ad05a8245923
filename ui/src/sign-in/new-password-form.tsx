/** The password has expired: a new one is chosen here, and the sign-in goes on with it. */
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Input, type InputRef } from "antd";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { SignInRequest } from "../bindings/SignInRequest";
import { FailureAlert } from "../components/failure-alert";
import { describeFailure } from "../lib/failures";
import { Field } from "./field";

type Wrong = "absent" | "differs" | null;

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
  const id = useId();
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [shown, setShown] = useState(false);
  const [wrong, setWrong] = useState<Wrong>(null);
  const first = useRef<InputRef>(null);
  const second = useRef<InputRef>(null);
  const change = useMutation<string, Failure, string>({
    mutationFn: async (chosen) => {
      await backend.changeExpiredPassword(request, chosen);
      return chosen;
    },
    onSuccess: onChanged,
  });

  useEffect(() => first.current?.focus(), []);
  useEffect(() => {
    if (change.error !== null) first.current?.focus({ cursor: "all" });
  }, [change.error]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (change.isPending) return;
    const found: Wrong = password === "" ? "absent" : password === again ? null : "differs";
    setWrong(found);
    if (found === null) change.mutate(password);
    else (found === "absent" ? first : second).current?.focus({ cursor: "all" });
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
      <Field
        id={`${id}-new`}
        label={t("newPassword.password")}
        error={wrong === "absent" ? t("newPassword.absent") : undefined}
      >
        <Input
          ref={first}
          type={shown ? "text" : "password"}
          id={`${id}-new`}
          value={password}
          onChange={(event) => {
            setPassword(event.target.value);
            setWrong(null);
            change.reset();
          }}
          autoComplete="new-password"
          disabled={change.isPending}
          status={wrong === "absent" || change.error !== null ? "error" : ""}
          aria-invalid={wrong === "absent"}
          aria-describedby={`${id}-new-note`}
          data-testid="new-password-first"
        />
      </Field>
      <Field
        id={`${id}-again`}
        label={t("newPassword.again")}
        error={wrong === "differs" ? t("newPassword.differs") : undefined}
      >
        <Input.Password
          ref={second}
          // One for both fields, behind them: Tab leads from field to field.
          visibilityToggle={{ visible: shown, onVisibleChange: setShown }}
          id={`${id}-again`}
          value={again}
          onChange={(event) => {
            setAgain(event.target.value);
            setWrong(null);
          }}
          autoComplete="new-password"
          disabled={change.isPending}
          status={wrong === "differs" ? "error" : ""}
          aria-invalid={wrong === "differs"}
          aria-describedby={`${id}-again-note`}
          data-testid="new-password-again"
        />
      </Field>
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
