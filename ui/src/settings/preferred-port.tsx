/** The local port to try first; a wrong one is refused here and never sent. */
import { useMutation } from "@tanstack/react-query";
import { Input } from "antd";
import { CircleCheck } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Settings } from "../bindings/Settings";
import { describeFailure } from "../lib/failures";
import { PORT_ADVISED_MAX, PORT_ADVISED_MIN, PORT_MAX, PORT_MIN, parsePort } from "../lib/port";
import { useOnChange } from "../state/use-on-change";
import { Setting } from "./settings-page";

export function PreferredPort({ settings }: { settings: Settings }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const id = useId();
  const kept = settings.preferredSshPort === null ? "" : String(settings.preferredSshPort);
  const [text, setText] = useState(kept);
  const [left, setLeft] = useState(false);
  const save = useMutation<Settings, Failure, Settings>({
    mutationFn: (next) => backend.updateSettings(next),
  });
  // Changed from elsewhere (another window, the command line).
  useOnChange(kept, () => {
    if (!save.isPending) setText(kept);
  });

  const input = parsePort(text);
  const refused = input.kind === "notNumber" || input.kind === "outOfRange";
  const range = { min: PORT_MIN, max: PORT_MAX };
  const bounds = { min: PORT_ADVISED_MIN, max: PORT_ADVISED_MAX };

  function commit() {
    setLeft(true);
    if (refused) return;
    const preferredSshPort = input.kind === "port" ? input.port : null;
    setText(preferredSshPort === null ? "" : String(preferredSshPort));
    if (preferredSshPort !== settings.preferredSshPort) save.mutate({ ...settings, preferredSshPort });
  }

  const failed = save.error === null ? null : describeFailure(t, save.error);
  const note =
    refused && left ? (
      <span className="field-error" role="alert" data-testid="settings-preferred-port-error">
        {t(`settings.port.${input.kind}`, range)}
      </span>
    ) : failed !== null ? (
      <span className="field-error" role="alert" data-testid="settings-preferred-port-error">
        {failed.message} {failed.hint}
      </span>
    ) : save.isSuccess && text === kept ? (
      <span className="field-help evidence" role="status" data-testid="settings-saved">
        <CircleCheck size={13} aria-hidden /> {t("settings.saved")}
      </span>
    ) : null;

  return (
    <Setting title={t("settings.port.title")} help={t("settings.port.help", bounds)} labelFor={id}>
      <Input
        id={id}
        className="port tabular"
        value={text}
        placeholder={t("settings.port.auto")}
        inputMode="numeric"
        maxLength={8}
        status={refused && left ? "error" : ""}
        aria-invalid={refused && left}
        aria-describedby={`${id}-note`}
        onChange={(event) => {
          setText(event.target.value);
          setLeft(false);
          save.reset();
        }}
        onBlur={commit}
        onPressEnter={commit}
        data-testid="settings-preferred-port"
      />
      <div id={`${id}-note`} className="setting-note">
        {note}
        {input.kind === "port" && !input.advised ? (
          <span className="field-help warn" data-testid="settings-preferred-port-advice">
            {t("settings.port.advice", bounds)}
          </span>
        ) : null}
      </div>
    </Setting>
  );
}
