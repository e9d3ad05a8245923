/** Closes a port; asks first when programs are using it. */
import { useMutation } from "@tanstack/react-query";
import { App, Button, Popconfirm } from "antd";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import { failureLine } from "../lib/failures";

export function StopButton({
  connection,
  testId,
  onStopped,
  size = "middle",
}: {
  connection: Connection;
  testId: string;
  onStopped?: () => void;
  size?: "small" | "middle";
}) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const backend = useBackend();
  const stop = useMutation<null, Failure>({
    mutationFn: () => backend.disconnect(connection.id),
    onSuccess: () => {
      void message.success(t("connection.stopped", { port: connection.port }));
      onStopped?.();
    },
    onError: (failure) => message.error(failureLine(t, failure)),
  });
  const { open } = connection.traffic;
  return (
    <Popconfirm
      disabled={open === 0}
      title={t("connection.stopAsk", { count: open })}
      okText={t("connection.stop")}
      cancelText={t("common.cancel")}
      okButtonProps={{ danger: true, "data-testid": `${testId}-confirm` }}
      onConfirm={() => stop.mutate()}
    >
      <Button
        danger
        size={size}
        loading={stop.isPending}
        onClick={open === 0 ? () => stop.mutate() : undefined}
        data-testid={testId}
      >
        {t("connection.stop")}
      </Button>
    </Popconfirm>
  );
}
