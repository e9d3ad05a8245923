/** A failure in place: what happened, what to do, and a button to do it. */
import { Alert } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { describeFailure } from "../lib/failures";

export function FailureAlert({
  failure,
  testId,
  action,
  type = "error",
  banner = false,
  lead,
}: {
  failure: Failure;
  testId?: string;
  action?: ReactNode;
  type?: "error" | "warning";
  banner?: boolean;
  /** Words before the sentence. */
  lead?: string;
}) {
  const { t } = useTranslation();
  const { message, hint, detail } = describeFailure(t, failure);
  return (
    <Alert
      type={type}
      showIcon
      banner={banner}
      title={lead === undefined ? message : `${lead} ${message}`}
      description={
        hint === "" && detail === null ? undefined : (
          <>
            {hint}
            {detail === null ? null : <span className="failure-detail">{detail}</span>}
          </>
        )
      }
      action={action}
      data-testid={testId}
      data-code={failure.code}
    />
  );
}
