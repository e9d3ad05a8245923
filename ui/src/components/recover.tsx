/** The way out of a failure: sign in again when that is what it is, else try again. */
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useScreen } from "../state/screen";

export function Recover({
  failure,
  onRetry,
  busy = false,
}: {
  failure: Failure;
  onRetry: () => void;
  /** It is being tried again. */
  busy?: boolean;
}) {
  const { t } = useTranslation();
  const { askSignIn } = useScreen();
  return failure.code === "not-signed-in" ? (
    <Button size="small" type="primary" onClick={() => askSignIn(true)}>
      {t("signInAgain.action")}
    </Button>
  ) : (
    <Button size="small" onClick={onRetry} loading={busy} data-testid="retry">
      {t("common.retry")}
    </Button>
  );
}
