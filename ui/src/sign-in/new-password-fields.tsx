/** A new password, typed twice. */
import { Input, type InputRef } from "antd";
import { type RefObject, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Field } from "./field";

type Wrong = "absent" | "differs" | null;

export interface NewPassword {
  /** The password when both are the same; else null, and the fields say why. */
  take: () => string | null;
  /** Puts the cursor on the first. */
  focus: () => void;
  fields: Omit<Parameters<typeof NewPasswordFields>[0], "refused" | "disabled" | "onEdit">;
}

export function useNewPassword(): NewPassword {
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [wrong, setWrong] = useState<Wrong>(null);
  const first = useRef<InputRef>(null);
  const second = useRef<InputRef>(null);
  return {
    take: () => {
      const found: Wrong = password === "" ? "absent" : password === again ? null : "differs";
      setWrong(found);
      if (found === null) return password;
      (found === "absent" ? first : second).current?.focus({ cursor: "all" });
      return null;
    },
    focus: () => first.current?.focus({ cursor: "all" }),
    fields: { password, again, wrong, first, second, setPassword, setAgain, setWrong },
  };
}

export function NewPasswordFields({
  password,
  again,
  wrong,
  first,
  second,
  setPassword,
  setAgain,
  setWrong,
  refused,
  disabled,
  onEdit,
}: {
  password: string;
  again: string;
  wrong: Wrong;
  first: RefObject<InputRef | null>;
  second: RefObject<InputRef | null>;
  setPassword: (text: string) => void;
  setAgain: (text: string) => void;
  setWrong: (wrong: Wrong) => void;
  /** The server did not take it. */
  refused: boolean;
  disabled: boolean;
  onEdit: () => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [shown, setShown] = useState(false);
  return (
    <>
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
            onEdit();
          }}
          autoComplete="new-password"
          disabled={disabled}
          status={wrong === "absent" || refused ? "error" : ""}
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
          disabled={disabled}
          status={wrong === "differs" ? "error" : ""}
          aria-invalid={wrong === "differs"}
          aria-describedby={`${id}-again-note`}
          data-testid="new-password-again"
        />
      </Field>
    </>
  );
}
