/** Which cluster this is and how far to trust the way to it; the user menu at the right. */
import { Button, Dropdown, Tag, Tooltip } from "antd";
import { ChevronDown, CircleUserRound, Info, KeyRound, LogOut, Settings2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Account } from "../bindings/Account";
import { addressHost } from "../lib/format";
import { useConnections } from "../state/live";
import { useScreen } from "../state/screen";
import { ChangePasswordDialog } from "./change-password";
import { OpenWebUi } from "./open-web-ui";
import { SignOutDialog, useSignOut } from "./sign-out";

export function TopBar({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { server } = account;
  return (
    <header className="topbar">
      <Tooltip title={`${server.address} · Backend.AI ${server.managerVersion}`}>
        <span className="cluster" data-testid="cluster-name">
          {account.demo ? t("shell.demoCluster") : addressHost(server.address)}
        </span>
      </Tooltip>
      {account.demo ? (
        <Tooltip title={t("shell.demoHelp")}>
          <Tag color="processing" data-testid="tag-demo">
            {t("shell.demo")}
          </Tag>
        </Tooltip>
      ) : null}
      {account.tls.acceptInvalidCertificates ? (
        <Tooltip title={t("signIn.insecureWarning")}>
          <Tag color="warning" data-testid="tag-insecure">
            {t("shell.insecure")}
          </Tag>
        </Tooltip>
      ) : null}
      {server.private ? null : (
        <Tooltip title={t("signIn.notPrivate")}>
          <Tag color="warning" data-testid="tag-plain">
            {t("shell.plain")}
          </Tag>
        </Tooltip>
      )}
      <span className="spacer" />
      <OpenWebUi account={account} />
      <UserMenu account={account} />
    </header>
  );
}

function UserMenu({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { goTo, showAbout } = useScreen();
  const signOut = useSignOut();
  const [asking, setAsking] = useState(false);
  const [changing, setChanging] = useState(false);
  // A keypair has none, and the demo cluster's is new at each start.
  const hasPassword = account.server.mode === "session" && !account.demo;
  const open = useConnections().filter((c) => c.state !== "stopped").length;

  return (
    <>
      <Dropdown
        trigger={["click"]}
        placement="bottomRight"
        menu={{
          items: [
            {
              key: "who",
              disabled: true,
              label: (
                <span className="user-card">
                  <span>{account.user}</span>
                  <span className="quiet">
                    {account.role === null ? "" : `${account.role} · `}
                    {t(`secretPlace.${account.secretPlace}`)}
                  </span>
                </span>
              ),
            },
            { type: "divider" },
            {
              key: "about",
              icon: <Info size={15} />,
              label: <span data-testid="user-menu-about">{t("about.title")}</span>,
              onClick: () => showAbout(true),
            },
            {
              key: "settings",
              icon: <Settings2 size={15} />,
              label: <span data-testid="user-menu-settings">{t("nav.settings")}</span>,
              onClick: () => goTo("settings"),
            },
            ...(hasPassword
              ? [
                  {
                    key: "password",
                    icon: <KeyRound size={15} />,
                    label: <span data-testid="user-menu-password">{t("changePassword.action")}</span>,
                    onClick: () => setChanging(true),
                  },
                ]
              : []),
            { type: "divider" },
            {
              key: "signout",
              icon: <LogOut size={15} />,
              label: <span data-testid="user-menu-signout">{t("signOut.action")}</span>,
              onClick: () => (open === 0 ? signOut() : setAsking(true)),
            },
          ],
        }}
      >
        <Button type="text" className="user-button" aria-label={t("shell.userMenu")} data-testid="user-menu">
          <CircleUserRound size={17} strokeWidth={1.75} aria-hidden />
          <span className="user-name">{account.user}</span>
          <ChevronDown size={13} aria-hidden />
        </Button>
      </Dropdown>
      <ChangePasswordDialog open={changing} onClose={() => setChanging(false)} />
      <SignOutDialog ports={open} open={asking} onClose={() => setAsking(false)} />
    </>
  );
}
