/** Versions of both sides and whether they fit. */
import { useQuery } from "@tanstack/react-query";
import { Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { About } from "../bindings/About";
import { CopyButton } from "../components/copy";
import { Dialog } from "../components/dialog";
import { FailureAlert } from "../components/failure-alert";
import { Mark } from "../sign-in/mark";
import { keys } from "../state/live";
import { useScreen } from "../state/screen";

export function AboutDialog() {
  const { t } = useTranslation();
  const { about, showAbout } = useScreen();
  return (
    <Dialog
      open={about}
      onClose={() => showAbout(false)}
      title={t("about.title")}
      width={480}
      testId="about-dialog"
    >
      <Facts />
    </Dialog>
  );
}

function Facts() {
  const { t } = useTranslation();
  const backend = useBackend();
  // Asked anew whenever the dialog opens: the server may be another one.
  const query = useQuery<About, Failure>({
    queryKey: keys.about,
    queryFn: () => backend.about(),
    staleTime: 0,
    gcTime: 0,
  });
  if (query.error !== null) return <FailureAlert failure={query.error} />;
  if (query.data === undefined) return <Skeleton active title={false} paragraph={{ rows: 6 }} />;
  const { version, build, platform, server, license } = query.data;
  const all = [
    `Berth ${version} (${build})`,
    platform,
    server === null ? "" : `Backend.AI ${server.managerVersion}, API ${server.apiVersion}`,
  ];
  return (
    <>
      <div className="about-head">
        <Mark size={48} />
        <div>
          <h2>
            Berth <span data-testid="about-app-version">{version}</span>
          </h2>
          <p className="quiet">{t("signIn.tagline")}</p>
        </div>
        <CopyButton
          text={all.filter((line) => line !== "").join("\n")}
          label={t("about.copy")}
          testId="about-copy"
        />
      </div>
      <dl className="facts">
        <dt>{t("about.build")}</dt>
        <dd>{build}</dd>
        <dt>{t("about.platform")}</dt>
        <dd>{platform}</dd>
        <dt>{t("about.server")}</dt>
        {server === null ? (
          <dd>{t("about.noServer")}</dd>
        ) : (
          <dd>
            Backend.AI <span data-testid="about-server-version">{server.managerVersion}</span>
            <span className="quiet"> · {server.address}</span>
          </dd>
        )}
        {server === null ? null : (
          <>
            <dt>{t("about.api")}</dt>
            <dd data-testid="about-api-version">{server.apiVersion}</dd>
            <dt>{t("about.fit")}</dt>
            <dd data-testid="about-compatibility" data-fit={server.compatibility}>
              {t(`compatibility.${server.compatibility}`, { version: server.managerVersion })}
            </dd>
          </>
        )}
        <dt>{t("about.license")}</dt>
        <dd>{license}</dd>
        <dt>{t("about.thirdParty")}</dt>
        <dd>{t("about.thirdPartyText")}</dd>
      </dl>
    </>
  );
}
