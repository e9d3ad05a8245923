/** The pages, at the left. */
import { Badge } from "antd";
import { Boxes, Cable, KeyRound, Settings2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Mark } from "../sign-in/mark";
import { useConnections } from "../state/live";
import { PAGES, useScreen } from "../state/screen";

const ICONS = { sessions: Boxes, connections: Cable, keys: KeyRound, settings: Settings2 } as const;
const MODIFIER = /mac/i.test(navigator.userAgent) ? "⌘" : "Ctrl+";

export function Rail() {
  const { t } = useTranslation();
  const { page, goTo } = useScreen();
  const open = useConnections().filter((c) => c.state !== "stopped").length;
  return (
    <nav className="rail" aria-label={t("nav.label")}>
      <div className="rail-mark">
        <Mark size={30} />
      </div>
      {PAGES.map((name, index) => {
        const Icon = ICONS[name];
        const icon = <Icon size={20} strokeWidth={1.75} aria-hidden />;
        return (
          <button
            key={name}
            type="button"
            className="rail-item"
            aria-current={page === name ? "page" : undefined}
            aria-keyshortcuts={`Control+${index + 1}`}
            title={`${t(`nav.${name}`)} (${MODIFIER}${index + 1})`}
            onClick={() => goTo(name)}
            data-testid={`nav-${name}`}
          >
            {name === "connections" ? (
              <Badge
                count={open}
                size="small"
                color="var(--ant-color-primary)"
                title={t("nav.open", { count: open })}
              >
                <span className="rail-icon">{icon}</span>
              </Badge>
            ) : (
              <span className="rail-icon">{icon}</span>
            )}
            <span>{t(`nav.${name}`)}</span>
          </button>
        );
      })}
    </nav>
  );
}
