/** A labelled control with its help, warning or error below it. */
import type { ReactNode } from "react";

export function Field({
  id,
  label,
  error,
  help,
  children,
}: {
  id: string;
  label: ReactNode;
  error?: ReactNode;
  help?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children}
      {error ? (
        <div className="field-error" id={`${id}-note`} role="alert">
          {error}
        </div>
      ) : help ? (
        <div className="field-help" id={`${id}-note`}>
          {help}
        </div>
      ) : null}
    </div>
  );
}
