/** The whole window while nobody is signed in. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Divider } from "antd";
import { FlaskConical } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { Account } from "../bindings/Account";
import type { Profile } from "../bindings/Profile";
import { FailureAlert } from "../components/failure-alert";
import { type Login, signedIn, useProfiles, useStartup } from "../state/live";
import { Mark } from "./mark";
import { BLANK, SignInForm, type SignInStart } from "./sign-in-form";

export function SignInPage({ login }: { login: Login }) {
  const { t } = useTranslation();
  const startup = useStartup();
  const profiles = useProfiles();
  const told = login.kind === "signedOut" ? login : null;
  // Only at first: what the user has typed must not be replaced when the history changes.
  const [start] = useState(() => startOf(told?.account ?? null, profiles, told?.profileId ?? null));

  return (
    <main className="signin">
      <div className="signin-card">
        <header className="signin-head">
          <Mark size={44} />
          <div>
            <h1>Berth</h1>
            <p className="quiet">{t("signIn.tagline")}</p>
          </div>
        </header>
        {told?.error ? <FailureAlert failure={told.error} testId="signin-signed-out" type="warning" /> : null}
        <SignInForm
          start={start}
          profiles={profiles}
          secretPlace={startup?.secretPlace ?? "memory"}
          rememberAtFirst
        />
        {startup?.demoAvailable ? <Demo /> : null}
      </div>
    </main>
  );
}

/** The cluster used last: the one just left, else the latest of the history. */
function startOf(left: Account | null, profiles: readonly Profile[], profileId: string | null): SignInStart {
  if (left !== null && !left.demo) {
    return { address: left.server.address, mode: left.server.mode, user: left.user, tls: left.tls };
  }
  return profiles.find((p) => p.id === profileId) ?? profiles[0] ?? BLANK;
}

function Demo() {
  const { t } = useTranslation();
  const backend = useBackend();
  const client = useQueryClient();
  const demo = useMutation<Account, Failure>({
    mutationFn: () => backend.signInDemo(),
    onSuccess: (account) => signedIn(client, account),
  });
  return (
    <section aria-label={t("signIn.demo")} className="signin-demo">
      <Divider plain>{t("signIn.or")}</Divider>
      <Button
        block
        icon={<FlaskConical size={15} />}
        loading={demo.isPending}
        onClick={() => demo.mutate()}
        data-testid="signin-demo"
      >
        {t("signIn.demo")}
      </Button>
      <p className="field-help">{t("signIn.demoHelp")}</p>
      {demo.error === null ? null : <FailureAlert failure={demo.error} testId="signin-demo-error" />}
    </section>
  );
}
