/** A session in the programs that this computer has: the installed ones first, the others with a link. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Button, Dropdown, type MenuProps } from "antd";
import { ChevronDown, CodeXml, ExternalLink, FolderOpen, SquareTerminal } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Connection } from "../bindings/Connection";
import type { SshHosts } from "../bindings/SshHosts";
import type { ToolOffer } from "../bindings/ToolOffer";
import { CopyButton } from "../components/copy";
import { FailureAlert } from "../components/failure-alert";
import { keys } from "../state/live";
import { SshHostsDialog } from "./ssh-hosts-dialog";

const ICONS = { editor: CodeXml, shell: SquareTerminal, files: FolderOpen } as const;

export function OpenIn({ connection }: { connection: Connection }) {
  const { t } = useTranslation();
  const backend = useBackend();
  const [shown, setShown] = useState(false);
  const [more, setMore] = useState(false);
  const [asking, setAsking] = useState<ToolOffer | null>(null);
  const tools = useQuery<ToolOffer[], Failure>({ queryKey: keys.tools, queryFn: () => backend.tools() });
  const hosts = useQuery<SshHosts, Failure>({ queryKey: keys.sshHosts, queryFn: () => backend.sshHosts() });
  const host = useQuery<string, Failure>({
    queryKey: keys.sshHost(connection.id),
    queryFn: () => backend.sshHost(connection.id),
  });
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
      label: <span data-testid={`open-in-${tool.id}`}>{name(tool)}</span>,
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
            <span className="quiet" data-testid={`open-in-get-${tool.id}`}>
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
          <span className="quiet" data-testid="open-in-more">
            {t("openIn.more")}
          </span>
        ),
        onClick: () => setMore(true),
      });
    }
  }

  return (
    <section aria-label={t("openIn.title")} className="open-in">
      <div className="key-head">
        <h3>{t("openIn.title")}</h3>
        {inSshConfig && host.data !== undefined ? (
          <span className="open-in-host">
            <span className="mono" data-testid="connection-ssh-host">
              {host.data}
            </span>
            <CopyButton
              text={host.data}
              label={t("copy.what", { what: t("openIn.host") })}
              testId="connection-copy-ssh-host"
            />
          </span>
        ) : null}
        <span className="spacer" />
        <Dropdown
          trigger={["click"]}
          autoFocus
          placement="bottomRight"
          open={shown}
          onOpenChange={(next, { source }) => {
            if (source === "menu") return;
            setShown(next);
            if (next) {
              setMore(false);
              void tools.refetch();
            }
          }}
          menu={{ items }}
        >
          <Button
            loading={open.isPending}
            disabled={connection.state === "stopped"}
            data-testid="open-in"
            aria-haspopup="menu"
          >
            {t("openIn.action")}
            <ChevronDown size={13} aria-hidden />
          </Button>
        </Dropdown>
      </div>
      {open.error === null ? null : <FailureAlert failure={open.error} testId="open-in-error" />}
      {page.error === null ? null : <FailureAlert failure={page.error} testId="open-in-page-error" />}
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
    </section>
  );
}
