/** A tooltip that leaves when a dialog opens: under one, the page does not see the pointer leave. */
import { Tooltip } from "antd";
import { type ReactElement, useState } from "react";
import { useScreen } from "../state/screen";
import { useOnChange } from "../state/use-on-change";

export function Hint({ title, children }: { title: string; children: ReactElement }) {
  const { launcher, connection } = useScreen();
  const covered = launcher !== null || connection !== null;
  const [open, setOpen] = useState(false);
  useOnChange(covered, () => setOpen(false));
  return (
    <Tooltip title={title} open={open && !covered} onOpenChange={setOpen}>
      {children}
    </Tooltip>
  );
}
