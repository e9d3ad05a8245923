/** The window of a signed-in account: rail, top bar, page, and the dialogs over it. */
import { Alert, Button } from "antd";
import { useEffect, useLayoutEffect } from "react";
import { useTranslation } from "react-i18next";
import type { Account } from "../bindings/Account";
import { ConnectionDialog } from "../connections/connection-dialog";
import { ConnectionsPage } from "../connections/connections-page";
import { KeysPage } from "../keys/keys-page";
import { LauncherDialog } from "../sessions/launcher-dialog";
import { SessionsPage } from "../sessions/sessions-page";
import { SettingsPage } from "../settings/settings-page";
import { SignInAgainDialog } from "../sign-in/sign-in-again";
import { PAGES, ScreenProvider, useScreen } from "../state/screen";
import { AboutDialog } from "./about-dialog";
import { Rail } from "./rail";
import { TellHostKeys } from "./tell-host-keys";
import { TellIncidents } from "./tell-incidents";
import { TellWebUi } from "./tell-web-ui";
import { TopBar } from "./top-bar";

interface Props {
  account: Account;
  expired: boolean;
  times: number;
}

export function Shell(props: Props) {
  return (
    <ScreenProvider>
      <Frame {...props} />
    </ScreenProvider>
  );
}

function Frame({ account, expired, times }: Props) {
  const { t } = useTranslation();
  const screen = useScreen();
  const { goTo, askSignIn } = screen;

  useEffect(() => {
    askSignIn(expired);
  }, [expired, askSignIn]);

  // Before the first paint: keys pressed as soon as the window shows count.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const page = PAGES[Number(event.key) - 1];
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && page !== undefined) {
        event.preventDefault();
        goTo(page);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [goTo]);

  return (
    <div className="shell">
      <Rail />
      <div className="shell-main">
        <TopBar account={account} />
        {expired ? (
          <Alert
            banner
            type="warning"
            title={t("signInAgain.banner")}
            action={
              <Button size="small" type="primary" onClick={() => askSignIn(true)} data-testid="signin-again">
                {t("signInAgain.action")}
              </Button>
            }
          />
        ) : null}
        <main className="page">
          {screen.page === "sessions" ? <SessionsPage /> : null}
          {screen.page === "connections" ? <ConnectionsPage /> : null}
          {screen.page === "keys" ? <KeysPage /> : null}
          {screen.page === "settings" ? <SettingsPage /> : null}
        </main>
      </div>
      <TellIncidents />
      <TellHostKeys />
      <TellWebUi />
      <LauncherDialog logins={times} />
      <ConnectionDialog />
      <AboutDialog />
      <SignInAgainDialog account={account} open={screen.signInAgain} onClose={() => askSignIn(false)} />
    </div>
  );
}
