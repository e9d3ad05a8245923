/** The account's sessions: search, filter, refresh, and the table with its states. */
import { Button, Empty, Input, type InputRef, Segmented, Skeleton, Tooltip } from "antd";
import { RefreshCw, Search, X } from "lucide-react";
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import type { Session } from "../bindings/Session";
import { FailureAlert } from "../components/failure-alert";
import { Recover } from "../components/recover";
import { RelativeTime } from "../components/relative-time";
import { FILTERS, passes, type StatusFilter } from "../lib/status";
import { useSessions } from "../state/live";
import { SessionsTable } from "./sessions-table";

const NONE: Session[] = [];

export function SessionsPage() {
  const { t } = useTranslation();
  const query = useSessions();
  const [text, setText] = useState("");
  const [filter, setFilter] = useState<StatusFilter>("active");
  const search = useRef<InputRef>(null);
  const table = useRef<HTMLDivElement>(null);
  useSlashFocuses(search);

  const all = query.data?.sessions ?? NONE;
  const found = useMemo(() => all.filter((s) => matches(s, text)), [all, text]);
  const shown = useMemo(() => found.filter((s) => passes(filter, s.status)), [found, filter]);
  const refresh = () => void query.refetch();
  const stale: Failure | null = query.data === undefined ? null : (query.error ?? query.data.stale);

  return (
    <div className="sessions">
      <div className="toolbar">
        <h1 className="visually-hidden">{t("nav.sessions")}</h1>
        <Input
          ref={search}
          className="search"
          prefix={<Search size={14} aria-hidden />}
          suffix={text === "" ? <kbd>/</kbd> : null}
          placeholder={t("sessions.search")}
          aria-label={t("sessions.search")}
          aria-keyshortcuts="/"
          allowClear={{ clearIcon: <X size={13} aria-label={t("sessions.clear")} /> }}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown") {
              event.preventDefault();
              table.current?.querySelector<HTMLElement>("tbody tr[tabindex='0']")?.focus();
            } else if (event.key === "Escape") {
              setText("");
            }
          }}
          data-testid="sessions-search"
        />
        <Segmented<StatusFilter>
          value={filter}
          onChange={setFilter}
          aria-label={t("sessions.filter")}
          data-testid="sessions-status-filter"
          options={FILTERS.map((name) => ({
            value: name,
            label: (
              <span data-testid={`sessions-status-filter-${name}`}>
                {t(`sessions.filters.${name}`)}
                <span className="count tabular">
                  {query.data === undefined ? "" : found.filter((s) => passes(name, s.status)).length}
                </span>
              </span>
            ),
          }))}
        />
        <span className="spacer" />
        <Tooltip
          title={
            query.data === undefined ? undefined : (
              <>
                {t("sessions.fetched")} <RelativeTime at={query.data.fetchedAt} />
              </>
            )
          }
        >
          <Button
            icon={<RefreshCw size={14} className={query.isFetching ? "spinning" : ""} />}
            aria-label={t("sessions.refresh")}
            aria-busy={query.isFetching}
            onClick={refresh}
            data-testid="sessions-refresh"
          />
        </Tooltip>
      </div>
      {stale === null || query.data === undefined ? null : (
        <StaleBanner failure={stale} fetchedAt={query.data.fetchedAt} onRetry={refresh} />
      )}
      <div className="sessions-body" ref={table}>
        {query.data === undefined ? (
          query.error === null ? (
            <Loading />
          ) : (
            <div className="state" data-testid="sessions-failed">
              <FailureAlert
                failure={query.error}
                testId="sessions-error"
                action={<Recover failure={query.error} onRetry={refresh} />}
              />
            </div>
          )
        ) : shown.length > 0 ? (
          <SessionsTable sessions={shown} />
        ) : (
          <div className="state" data-testid="sessions-empty">
            <Nothing
              any={all.length > 0}
              searching={text.trim() !== ""}
              onShowAll={() => {
                setText("");
                setFilter("all");
              }}
            />
          </div>
        )}
      </div>
    </div>
  );
}

function matches(session: Session, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const hay =
    `${session.name} ${session.image} ${session.status} ${session.id} ${session.project ?? ""} ${session.resourceGroup ?? ""}`.toLowerCase();
  return words.every((word) => hay.includes(word));
}

/** "/" goes to the search field, unless something is being typed elsewhere. */
function useSlashFocuses(search: { current: InputRef | null }): void {
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement | null;
      const typing = target?.closest("input, textarea, select, [contenteditable]");
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
      if (document.querySelector("[role='dialog'][aria-modal='true']")) return;
      event.preventDefault();
      search.current?.focus({ cursor: "all" });
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [search]);
}

function StaleBanner({
  failure,
  fetchedAt,
  onRetry,
}: {
  failure: Failure;
  fetchedAt: string;
  onRetry: () => void;
}) {
  const { t } = useTranslation();
  return (
    <div className="stale">
      <FailureAlert
        banner
        type="warning"
        failure={failure}
        testId="sessions-stale"
        action={
          <span className="stale-action">
            <span className="quiet">
              {t("sessions.staleSince")} <RelativeTime at={fetchedAt} />
            </span>
            <Recover failure={failure} onRetry={onRetry} />
          </span>
        }
      />
    </div>
  );
}

function Loading() {
  const { t } = useTranslation();
  return (
    <div className="loading" role="status" aria-label={t("sessions.loading")} data-testid="sessions-loading">
      {[0, 1, 2, 3, 4, 5].map((row) => (
        <Skeleton key={row} active title={false} paragraph={{ rows: 1, width: `${92 - row * 6}%` }} />
      ))}
    </div>
  );
}

function Nothing({ any, searching, onShowAll }: { any: boolean; searching: boolean; onShowAll: () => void }) {
  const { t } = useTranslation();
  if (!any) {
    return (
      <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("sessions.none")}>
        <p className="quiet">{t("sessions.noneHelp")}</p>
      </Empty>
    );
  }
  return (
    <Empty
      image={Empty.PRESENTED_IMAGE_SIMPLE}
      description={searching ? t("sessions.noneFound") : t("sessions.noneHere")}
    >
      <Button onClick={onShowAll}>{t("sessions.showAll")}</Button>
    </Empty>
  );
}
