/** What making sessions hosts of ssh changes, shown before it is done. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { SshConfigPreview } from "../bindings/SshConfigPreview";
import type { SshHosts } from "../bindings/SshHosts";
import { CopyButton } from "../components/copy";
import { Dialog } from "../components/dialog";
import { FailureAlert } from "../components/failure-alert";
import { keys } from "../state/live";

export function SshHostsDialog({
  tool,
  onClose,
  onAdded,
}: {
  /** The program that is to be opened afterwards. */
  tool?: string;
  onClose: () => void;
  onAdded: () => void;
}) {
  const { t } = useTranslation();
  const backend = useBackend();
  const client = useQueryClient();
  const hosts = useQuery<SshHosts, Failure>({
    queryKey: keys.sshHosts,
    queryFn: () => backend.sshHosts(),
    staleTime: 0,
  });
  const add = useMutation<SshHosts, Failure>({
    mutationFn: () => backend.installSshHosts(),
    onSuccess: (now) => {
      client.setQueryData<SshHosts>(keys.sshHosts, now);
      onAdded();
    },
  });
  const found = hosts.data;
  const failure = add.error ?? found?.problem ?? hosts.error;
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("sshHosts.dialog")}
      width={560}
      testId="ssh-hosts-dialog"
      footer={
        <>
          <span className="spacer" />
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button
            type="primary"
            disabled={found === undefined || found.preview === null || found.problem !== null}
            loading={add.isPending}
            onClick={() => add.mutate()}
            data-autofocus
            data-testid="ssh-hosts-add"
          >
            {tool === undefined ? t("sshHosts.add") : t("sshHosts.addAndOpen", { tool })}
          </Button>
        </>
      }
    >
      <div className="ssh-hosts">
        <p>{t("sshHosts.what")}</p>
        {failure === null ? null : (
          <FailureAlert
            failure={failure}
            testId="ssh-hosts-problem"
            action={
              found === undefined || found.line === "" ? undefined : (
                <CopyButton text={found.line} label={t("copy.what", { what: found.line })} caption />
              )
            }
          />
        )}
        {found === undefined ? (
          hosts.error === null ? (
            <Skeleton active title={false} />
          ) : null
        ) : found.preview === null ? null : (
          <Preview line={found.line} preview={found.preview} file={found.file} />
        )}
      </div>
    </Dialog>
  );
}

function Preview({ line, preview, file }: { line: string; preview: SshConfigPreview; file: string }) {
  const { t } = useTranslation();
  return (
    <>
      <figure className="config-preview" data-testid="ssh-hosts-preview">
        <figcaption className="mono">{preview.target}</figcaption>
        <pre>
          <ins>{`+ ${line}`}</ins>
          {preview.below.map((below, index) => (
            // Lines have no other identity than their place.
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            <span key={index}>{`  ${below}`}</span>
          ))}
          {preview.creates ? null : <span>{"  …"}</span>}
        </pre>
      </figure>
      <ul className="quiet">
        <li>{preview.creates ? t("sshHosts.creates") : t("sshHosts.oneLine")}</li>
        <li>{t("sshHosts.ownFile", { path: file })}</li>
        {preview.backup === null ? null : <li>{t("sshHosts.backup", { path: preview.backup })}</li>}
        <li>{t("sshHosts.undo")}</li>
      </ul>
      {preview.byteOrderMark ? (
        <Alert type="warning" showIcon title={t("sshHosts.mark", { path: preview.target })} />
      ) : null}
      {preview.ownHosts.length === 0 ? null : (
        <Alert
          type="info"
          showIcon
          title={t("sshHosts.ownHosts")}
          description={preview.ownHosts.map((own) => `${own.pattern} (${own.file}:${own.line})`).join(", ")}
          data-testid="ssh-hosts-own"
        />
      )}
    </>
  );
}
