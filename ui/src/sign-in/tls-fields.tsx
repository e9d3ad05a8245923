/** How certificates are judged: an authority of one's own, or not at all, with the price of it said. */
import { Alert, Checkbox, Input } from "antd";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { TlsChoice } from "../bindings/TlsChoice";
import { Field } from "./field";

export function TlsFields({
  tls,
  onChange,
}: {
  tls: TlsChoice;
  /** `done`: the choice is complete, not a path half typed. */
  onChange: (tls: TlsChoice, done: boolean) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const withCa = (text: string): TlsChoice => ({ ...tls, caFile: text.trim() === "" ? null : text.trim() });
  return (
    <div className="tls-fields">
      <Field id={id} label={t("signIn.caFile")} help={t("signIn.caFileHelp")}>
        <Input
          id={id}
          defaultValue={tls.caFile ?? ""}
          onChange={(event) => onChange(withCa(event.target.value), false)}
          onBlur={(event) => onChange(withCa(event.target.value), true)}
          spellCheck={false}
          autoComplete="off"
          aria-describedby={`${id}-note`}
          data-testid="signin-ca-file"
        />
      </Field>
      <Checkbox
        checked={tls.acceptInvalidCertificates}
        onChange={(event) => onChange({ ...tls, acceptInvalidCertificates: event.target.checked }, true)}
        data-testid="signin-insecure"
      >
        {t("signIn.insecure")}
      </Checkbox>
      {tls.acceptInvalidCertificates ? (
        <Alert type="warning" showIcon title={t("signIn.insecureWarning")} className="note" />
      ) : null}
    </div>
  );
}
