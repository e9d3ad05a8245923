/** The menu of programs that open a session, as a button, and what it has to say or to ask. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Button, Dropdown, type MenuProps } from "antd";
import { ChevronDown, CodeXml, ExternalLink, FolderOpen, SquareTerminal } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import type { SshHosts } from "../bindings/SshHosts";
import type { ToolOffer } from "../bindings/ToolOffer";
import { FailureAlert } from "../components/failure-alert";
import { keys } from "../state/live";
import { SshHostsDialog } from "./ssh-hosts-dialog";

const ICONS = { editor: CodeXml, shell: SquareTerminal, files: FolderOpen } as const;

export interface OpenInParts {
  button: ReactNode;
  /** Failures, and the question before the ssh config is changed. */
  rest: ReactNode;
  /** Sessions are hosts of ssh already. */
  inSshConfig: boolean;
}

export function useOpenIn(
  connection: Connection,
  { testId, size, onUsed }: { testId: string; size?: "small"; onUsed?: () => void },
): OpenInParts {
  const { t } = useTranslation();
  const backend = useBackend();
  const [shown, setShown] = useState(false);
  const [more, setMore] = useState(false);
  const [asking, setAsking] = useState<ToolOffer | null>(null);
  const tools = useQuery<ToolOffer[], Failure>({ queryKey: keys.tools, queryFn: () => backend.tools() });
  const hosts = useQuery<SshHosts, Failure>({ queryKey: keys.sshHosts, queryFn: () => backend.sshHosts() });
  const open = useMutation<null, Failure, ToolOffer>({
    mutationFn: (tool) => backend.openIn(connection.id, tool.id),
  });
  const page = useMutation<null, Failure, ToolOffer>({
    mutationFn: (tool) => backend.openToolPage(tool.id),
  });
  const inSshConfig = hosts.data?.installed ?? false;

  function choose(tool: ToolOffer) {
    setShown(false);
    open.reset();
    if (tool.needsHost && !inSshConfig) setAsking(tool);
    else open.mutate(tool);
  }

  const name = (tool: ToolOffer) =>
    tool.id === "terminal" ? t("openIn.terminal") : tool.id === "files" ? t("openIn.files") : tool.name;
  const installed = (tools.data ?? []).filter((tool) => tool.installed);
  const missing = (tools.data ?? []).filter((tool) => !tool.installed && tool.page !== null);
  const items: MenuProps["items"] = installed.map((tool) => {
    const Icon = ICONS[tool.kind];
    return {
      key: tool.id,
      icon: <Icon size={15} aria-hidden />,
      label: <span data-testid={`${testId}-${tool.id}`}>{name(tool)}</span>,
      onClick: () => choose(tool),
    };
  });
  if (missing.length > 0) {
    if (items.length > 0) items.push({ type: "divider" });
    if (more) {
      items.push(
        ...missing.map((tool) => ({
          key: tool.id,
          icon: <ExternalLink size={15} aria-hidden />,
          label: (
            <span className="quiet" data-testid={`${testId}-get-${tool.id}`}>
              {t("openIn.get", { tool: tool.name })}
            </span>
          ),
          onClick: () => {
            setShown(false);
            page.mutate(tool);
          },
        })),
      );
    } else {
      items.push({
        key: "more",
        label: (
          <span className="quiet" data-testid={`${testId}-more`}>
            {t("openIn.more")}
          </span>
        ),
        onClick: () => setMore(true),
      });
    }
  }

  const button = (
    <Dropdown
      trigger={["click"]}
      autoFocus
      placement="bottomRight"
      rootClassName="open-in-menu"
      open={shown}
      onOpenChange={(next, { source }) => {
        if (source === "menu") return;
        setShown(next);
        if (next) {
          setMore(false);
          onUsed?.();
          void tools.refetch();
        }
      }}
      menu={{ items }}
    >
      <Button
        {...(size === undefined ? {} : { size })}
        loading={open.isPending}
        disabled={connection.state === "stopped"}
        data-testid={testId}
        aria-haspopup="menu"
      >
        {t("openIn.action")}
        <ChevronDown size={13} aria-hidden />
      </Button>
    </Dropdown>
  );
  const rest = (
    <>
      {open.error === null ? null : <FailureAlert failure={open.error} testId={`${testId}-error`} />}
      {page.error === null ? null : <FailureAlert failure={page.error} testId={`${testId}-page-error`} />}
      {asking === null ? null : (
        <SshHostsDialog
          tool={name(asking)}
          onClose={() => setAsking(null)}
          onAdded={() => {
            setAsking(null);
            open.mutate(asking);
          }}
        />
      )}
    </>
  );
  return { button, rest, inSshConfig };
}
