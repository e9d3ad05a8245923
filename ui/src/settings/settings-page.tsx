/** What the user may choose; every choice is kept at once. */
import { useMutation } from "@tanstack/react-query";
import { App, Segmented } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Language } from "../bindings/Language";
import type { Settings } from "../bindings/Settings";
import type { Theme } from "../bindings/Theme";
import { SshHostsSetting } from "../handover/ssh-hosts-setting";
import { failureLine } from "../lib/failures";
import { useSettings } from "../state/live";
import { PreferredPort } from "./preferred-port";

export function SettingsPage() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const backend = useBackend();
  const settings = useSettings();
  const update = useMutation<Settings, Failure, Settings>({
    mutationFn: (next) => backend.updateSettings(next),
    onError: (failure) => message.error(failureLine(t, failure)),
  });
  if (settings === undefined) return null;
  const themes: Theme[] = ["system", "light", "dark"];
  return (
    <div className="settings" data-testid="settings-page">
      <h1>{t("nav.settings")}</h1>
      <PreferredPort settings={settings} />
      <SshHostsSetting />
      <Setting title={t("settings.language")} help={t("settings.languageHelp")}>
        <Segmented<Language>
          value={settings.language}
          aria-label={t("settings.language")}
          data-testid="settings-language"
          onChange={(language) => update.mutate({ ...settings, language })}
          options={[
            {
              value: "system",
              label: <span data-testid="settings-language-system">{t("settings.system")}</span>,
            },
            {
              value: "en",
              label: (
                <span data-testid="settings-language-en" lang="en">
                  English
                </span>
              ),
            },
            {
              value: "ko",
              label: (
                <span data-testid="settings-language-ko" lang="ko">
                  한국어
                </span>
              ),
            },
          ]}
        />
      </Setting>
      <Setting title={t("settings.theme")} help={t("settings.themeHelp")}>
        <Segmented<Theme>
          value={settings.theme}
          aria-label={t("settings.theme")}
          data-testid="settings-theme"
          onChange={(theme) => update.mutate({ ...settings, theme })}
          options={themes.map((value) => ({
            value,
            label: (
              <span data-testid={`settings-theme-${value}`}>
                {value === "system" ? t("settings.system") : t(`settings.themes.${value}`)}
              </span>
            ),
          }))}
        />
      </Setting>
    </div>
  );
}

export function Setting({
  title,
  help,
  labelFor,
  children,
}: {
  title: string;
  help: string;
  labelFor?: string;
  children: ReactNode;
}) {
  return (
    <section className="setting">
      <div className="setting-words">
        {labelFor === undefined ? <h2>{title}</h2> : <label htmlFor={labelFor}>{title}</label>}
        <p className="quiet">{help}</p>
      </div>
      <div className="setting-control">{children}</div>
    </section>
  );
}
