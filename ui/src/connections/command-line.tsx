/** A command line to copy. */
import { useTranslation } from "react-i18next";
import { CopyButton } from "../components/copy";

export function CommandLine({ name, label, line }: { name: string; label: string; line: string }) {
  const { t } = useTranslation();
  return (
    <div className="command">
      <div className="command-head">
        <span>{label}</span>
        <CopyButton
          text={line}
          label={t("copy.what", { what: label })}
          testId={`connection-copy-${name}`}
          caption
        />
      </div>
      <code className="command-line" data-testid={`connection-command-${name}`}>
        {line}
      </code>
    </div>
  );
}
