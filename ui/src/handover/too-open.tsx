/** A key file that others can read, which ssh therefore refuses; mended in one click. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import { FailureAlert } from "../components/failure-alert";
import { keys } from "../state/live";

export function TooOpen({ path }: { path: string }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const client = useQueryClient();
  const mend = useMutation<null, Failure>({
    mutationFn: () => backend.mendKey(path),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.savedKeys });
      void client.invalidateQueries({ queryKey: keys.ownKeys });
    },
  });
  return (
    <>
      <Alert
        type="warning"
        showIcon
        title={t("tooOpen.title")}
        description={
          <>
            <span className="mono">{path}</span>
            <br />
            {t("tooOpen.why")}
          </>
        }
        action={
          <Button size="small" loading={mend.isPending} onClick={() => mend.mutate()} data-testid="key-mend">
            {t("tooOpen.mend")}
          </Button>
        }
        data-testid="key-too-open"
      />
      {mend.error === null ? null : <FailureAlert failure={mend.error} testId="key-mend-error" />}
    </>
  );
}
