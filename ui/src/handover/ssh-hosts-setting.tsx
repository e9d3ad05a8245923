/** The switch that makes sessions hosts of ssh, and takes them out again. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Switch } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { SshHosts } from "../bindings/SshHosts";
import { FailureAlert } from "../components/failure-alert";
import { Setting } from "../settings/settings-page";
import { keys } from "../state/live";
import { SshHostsDialog } from "./ssh-hosts-dialog";

export function SshHostsSetting() {
  const { t } = useTranslation();
  const backend = useBackend();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const hosts = useQuery<SshHosts, Failure>({
    queryKey: keys.sshHosts,
    queryFn: () => backend.sshHosts(),
    staleTime: 0,
  });
  const remove = useMutation<SshHosts, Failure>({
    mutationFn: () => backend.uninstallSshHosts(),
    onSuccess: (now) => client.setQueryData<SshHosts>(keys.sshHosts, now),
  });
  const installed = hosts.data?.installed ?? false;
  const example = hosts.data?.hosts[0];
  const failure = remove.error ?? hosts.error;
  return (
    <Setting title={t("sshHosts.title")} help={t("sshHosts.help")}>
      <Switch
        checked={installed}
        loading={remove.isPending || hosts.isPending}
        aria-label={t("sshHosts.title")}
        onChange={(on) => {
          remove.reset();
          if (on) setAsking(true);
          else remove.mutate();
        }}
        data-testid="settings-ssh-hosts"
      />
      {installed && example !== undefined ? (
        <p className="mono example" data-testid="settings-ssh-hosts-example">
          ssh {example}
        </p>
      ) : null}
      {failure === null ? null : <FailureAlert failure={failure} testId="settings-ssh-hosts-error" />}
      {asking ? <SshHostsDialog onClose={() => setAsking(false)} onAdded={() => setAsking(false)} /> : null}
    </Setting>
  );
}
