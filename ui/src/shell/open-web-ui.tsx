/** Opens the cluster's own WebUI in a window of its own, signed in already. */
import { App, Button, Tooltip } from "antd";
import { AppWindow } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { asFailure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Account } from "../bindings/Account";
import { failureLine } from "../lib/failures";

export function OpenWebUi({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const backend = useBackend();
  const [opening, setOpening] = useState(false);
  const api = account.server.mode === "api";

  const open = async () => {
    setOpening(true);
    try {
      await backend.openWebUi();
    } catch (reason) {
      void message.error({
        content: <span data-testid="webui-error">{failureLine(t, asFailure(reason))}</span>,
        duration: 10,
      });
    } finally {
      setOpening(false);
    }
  };
  return (
    <Tooltip title={api ? t("webUi.needsWebserver") : t("webUi.help")}>
      <Button
        type="text"
        icon={<AppWindow size={16} strokeWidth={1.75} aria-hidden />}
        disabled={api}
        loading={opening}
        onClick={() => void open()}
        data-testid="open-webui"
      >
        {t("webUi.open")}
      </Button>
    </Tooltip>
  );
}
