/** A modal dialog. Its test id is on the panel, title and footer included; Esc and the cross close it. */
import { Modal, type ModalProps } from "antd";

export interface DialogProps extends Omit<ModalProps, "open" | "onCancel" | "footer" | "title"> {
  open: boolean;
  onClose: () => void;
  title: ModalProps["title"];
  footer?: ModalProps["footer"];
  testId: string;
}

export function Dialog({ onClose, testId, footer = null, children, ...rest }: DialogProps) {
  return (
    <Modal
      destroyOnHidden
      // The page never scrolls as a whole, and the lock is a style without the CSP's nonce.
      scrollLock={false}
      footer={footer}
      onCancel={onClose}
      modalRender={(panel) => <div data-testid={testId}>{panel}</div>}
      {...rest}
    >
      {children}
    </Modal>
  );
}
