/** "5 min. ago", with the exact time on hover. */
import { Tooltip } from "antd";
import { useTranslation } from "react-i18next";
import { formatAgo, formatExact } from "../lib/format";
import { useNow } from "../state/use-now";

export function RelativeTime({ at }: { at: string }) {
  const { i18n } = useTranslation();
  const now = useNow();
  return (
    <Tooltip title={formatExact(at, i18n.language)}>
      <time dateTime={at} className="tabular">
        {formatAgo(at, now, i18n.language)}
      </time>
    </Tooltip>
  );
}
