/** Theme, words and the choice between starting, signing in and the app itself. */
import { useQuery } from "@tanstack/react-query";
import { App as AntApp, Button, ConfigProvider, Spin } from "antd";
import enUS from "antd/locale/en_US";
import koKR from "antd/locale/ko_KR";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "./backend/backend";
import type { Startup } from "./bindings/Startup";
import { popupContainer } from "./components/dialog";
import { FailureAlert } from "./components/failure-alert";
import { localeFor, switchLocale } from "./i18n";
import { Shell } from "./shell/shell";
import { Mark } from "./sign-in/mark";
import { SignInPage } from "./sign-in/sign-in-page";
import { keys, useLogin, useSettings } from "./state/live";
import { useMedia } from "./state/use-media";
import { berthTheme } from "./theme";

const nonce = document.querySelector<HTMLStyleElement>("#csp-nonce")?.nonce;
const csp = nonce ? { nonce } : {};

export function AppRoot({ live }: { live: () => Promise<Startup> }) {
  const { i18n } = useTranslation();
  const settings = useSettings();
  const systemDark = useMedia("(prefers-color-scheme: dark)");
  const still = useMedia("(prefers-reduced-motion: reduce)");
  const dark = settings?.theme === "dark" || (settings?.theme !== "light" && systemDark);

  useEffect(() => {
    switchLocale(localeFor(settings?.language ?? "system", navigator.languages));
  }, [settings?.language]);
  useEffect(() => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }, [dark]);

  return (
    <ConfigProvider
      csp={csp}
      locale={i18n.language === "ko" ? koKR : enUS}
      theme={berthTheme(dark, still)}
      wave={{ disabled: true }}
      getPopupContainer={popupContainer}
      button={{ autoInsertSpace: false }}
    >
      <AntApp className="app" message={{ maxCount: 3, top: 12 }}>
        <Gate live={live} />
      </AntApp>
    </ConfigProvider>
  );
}

function Gate({ live }: { live: () => Promise<Startup> }) {
  const { t } = useTranslation();
  const startup = useQuery<Startup, Failure>({ queryKey: keys.startup, queryFn: live });
  const login = useLogin();
  const [other, setOther] = useState(false);

  if (startup.error !== null && startup.data === undefined) {
    return (
      <Centred>
        <FailureAlert
          failure={startup.error}
          testId="startup-error"
          action={<Button onClick={() => void startup.refetch()}>{t("common.retry")}</Button>}
        />
      </Centred>
    );
  }
  if (login === undefined) return <div className="blank" />;
  if (login.kind === "signedIn")
    return <Shell account={login.account} expired={login.expired} times={login.times} />;
  if (login.kind === "restoring" && !other) {
    const latest = startup.data?.profiles.find((p) => p.remembered) ?? startup.data?.profiles[0];
    return (
      <Centred>
        <div className="restoring" role="status" data-testid="signin-restoring">
          <Mark size={48} />
          <Spin />
          <p>
            {latest === undefined
              ? t("signIn.restoring")
              : t("signIn.restoringAt", { address: latest.address })}
          </p>
          <Button type="link" onClick={() => setOther(true)}>
            {t("signIn.other")}
          </Button>
        </div>
      </Centred>
    );
  }
  return <SignInPage login={login} />;
}

function Centred({ children }: { children: ReactNode }) {
  return <main className="centred">{children}</main>;
}
