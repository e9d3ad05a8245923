/**
 * A modal dialog: the browser's own. It makes the rest inert, keeps and returns the focus, and knows
 * Esc, whatever tooltip happens to be under the pointer. Popups inside it must be drawn inside it:
 * `popupContainer`.
 */
import { Button } from "antd";
import { X } from "lucide-react";
import { type MouseEvent, type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** Pixels, as far as the window allows. */
  width: number;
  footer?: ReactNode;
  /** Stays when the page behind is clicked: something typed would be lost. */
  sticky?: boolean;
  testId: string;
  children: ReactNode;
}

export function Dialog({ open, ...rest }: DialogProps) {
  return open ? <Panel {...rest} /> : null;
}

/** Where tooltips and the like of an element belong: in its dialog, because all else is behind. */
export function popupContainer(trigger?: HTMLElement): HTMLElement {
  return trigger?.closest("dialog") ?? document.body;
}

function Panel({
  onClose,
  title,
  width,
  footer,
  sticky = false,
  testId,
  children,
}: Omit<DialogProps, "open">) {
  const { t } = useTranslation();
  const ref = useRef<HTMLDialogElement>(null);
  const pressed = useRef(false);
  const answering = useRef(false);
  const titleId = useId();

  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog === null) return;
    dialog.showModal();
    (dialog.querySelector<HTMLElement>("[data-autofocus]") ?? dialog).focus();
    return () => dialog.close();
  }, []);

  // Esc answers a question inside the dialog first. By the time of `cancel` the question has gone.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") answering.current = hasOpenPopconfirm(ref.current);
    };
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, []);

  // A press that began inside (selecting text) and ends outside is no click on the page behind.
  const onBackdrop = (event: MouseEvent) => event.target === ref.current;

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc is the keyboard's way, and the browser's own
    <dialog
      ref={ref}
      className="dialog"
      style={{ width }}
      tabIndex={-1}
      aria-labelledby={titleId}
      onCancel={(event) => {
        if (event.target !== ref.current) return;
        event.preventDefault();
        if (!answering.current) onClose();
      }}
      onClose={(event) => {
        // Chromium closes at the second Esc in any case.
        if (event.target === ref.current && !ref.current?.open) onClose();
      }}
      onMouseDown={(event) => {
        pressed.current = onBackdrop(event);
      }}
      onClick={(event) => {
        if (!sticky && pressed.current && onBackdrop(event)) onClose();
      }}
      data-testid={testId}
    >
      <header className="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <Button
          type="text"
          size="small"
          icon={<X size={16} />}
          aria-label={t("common.close")}
          onClick={onClose}
        />
      </header>
      <div className="dialog-body">{children}</div>
      {footer ? <footer className="dialog-foot">{footer}</footer> : null}
    </dialog>
  );
}

function hasOpenPopconfirm(dialog: HTMLDialogElement | null): boolean {
  return dialog?.querySelector(".ant-popconfirm:not(.ant-popover-hidden)") != null;
}
