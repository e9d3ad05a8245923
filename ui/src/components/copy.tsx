/** Copying, with an answer: the icon turns into a check mark and a screen reader hears "Copied". */
import { Button, Tooltip } from "antd";
import { Check, Copy, X } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useBackend } from "../backend/context";

const SHOWN_FOR = 1_600;
type Outcome = "copied" | "failed" | null;

export function CopyButton({
  text,
  label,
  testId,
  caption = false,
}: {
  text: string;
  /** What is copied, for screen readers: "Copy the port". */
  label: string;
  testId?: string;
  /** Shows the word beside the icon. */
  caption?: boolean;
}) {
  const { t } = useTranslation();
  const backend = useBackend();
  const [outcome, setOutcome] = useState<Outcome>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  const copy = useCallback(async () => {
    const result = await backend.copyText(text).then(
      () => "copied" as const,
      () => "failed" as const,
    );
    setOutcome(result);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setOutcome(null), SHOWN_FOR);
  }, [backend, text]);

  const said = outcome === null ? "" : t(`copy.${outcome}`);
  const icon =
    outcome === "copied" ? <Check size={14} /> : outcome === "failed" ? <X size={14} /> : <Copy size={14} />;
  return (
    <Tooltip title={said || label} mouseEnterDelay={0.4} destroyOnHidden>
      <Button
        size="small"
        type={caption ? "default" : "text"}
        className={outcome === null ? "copy" : `copy copy-${outcome}`}
        icon={icon}
        aria-label={label}
        data-testid={testId}
        data-copied={outcome === "copied" ? "true" : undefined}
        onClick={() => void copy()}
      >
        {caption ? <span className="copy-caption">{said || t("copy.copy")}</span> : null}
        <span className="visually-hidden" role="status">
          {said}
        </span>
      </Button>
    </Tooltip>
  );
}
