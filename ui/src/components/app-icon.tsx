/** Icons of apps: lucide's where they fit, own drawings where people look for a known sign. */
import { AppWindow, FileText, FolderOpen, LayoutGrid, Monitor, Plug, TerminalSquare } from "lucide-react";
import type { ReactNode, SVGProps } from "react";

type IconProps = { size?: number };

function Drawing({
  size = 24,
  children,
  ...rest
}: IconProps & SVGProps<SVGSVGElement> & { children: ReactNode }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      {...rest}
    >
      {children}
    </svg>
  );
}

/** A prompt in a window, and two arrows: a shell and files, both ways. */
export function SshSftpIcon(props: IconProps) {
  return (
    <Drawing {...props}>
      <path d="M3 12V6a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v6" />
      <path d="m7 8 2.5 2L7 12" />
      <path d="M12 12h3.5" />
      <path d="M8.5 21v-5.5M6.3 17.6l2.2-2.1 2.2 2.1" />
      <path d="M15.5 15.5V21M13.3 18.9l2.2 2.1 2.2-2.1" />
    </Drawing>
  );
}

/** Three moons around a rising planet. */
function JupyterIcon(props: IconProps) {
  return (
    <Drawing {...props}>
      <path d="M5 10.2C6.400 7.600 9 6.200 12 6.200s5.600 1.400 7 4c-1.700-1.200-4.200-1.900-7-1.900s-5.300.7-7 1.900Z" />
      <path d="M19 14.200c-1.400 2.600-4 4-7 4s-5.600-1.400-7-4c1.700 1.200 4.200 1.900 7 1.900s5.300-.7 7-1.900Z" />
      <circle cx="5.500" cy="4.500" r="1.100" fill="currentColor" stroke="none" />
      <circle cx="18.800" cy="4" r="1.500" fill="currentColor" stroke="none" />
      <circle cx="6" cy="20" r="1.700" fill="currentColor" stroke="none" />
    </Drawing>
  );
}

/** A folded ribbon. */
function VsCodeIcon(props: IconProps) {
  return (
    <Drawing {...props}>
      <path d="m16.500 3 4 1.900v14.200l-4 1.900-8.700-8L4.500 15.500 3 14.700V9.300l1.500-.8 3.300 2.500z" />
      <path d="M16.500 7.800v8.400L11 12z" />
    </Drawing>
  );
}

export function AppIcon({ name, size = 24 }: { name: string; size?: number }) {
  switch (name) {
    case "sshd":
      return <SshSftpIcon size={size} />;
    case "ttyd":
      return <TerminalSquare size={size} strokeWidth={1.75} aria-hidden />;
    case "jupyter":
    case "jupyterlab":
      return <JupyterIcon size={size} />;
    case "vscode":
    case "vscode-desktop":
      return <VsCodeIcon size={size} />;
    case "vnc":
    case "xrdp":
      return <Monitor size={size} strokeWidth={1.75} aria-hidden />;
    case "filebrowser":
      return <FolderOpen size={size} strokeWidth={1.75} aria-hidden />;
    case "tensorboard":
      return <FileText size={size} strokeWidth={1.75} aria-hidden />;
    default:
      return name.startsWith("http") ? (
        <AppWindow size={size} strokeWidth={1.75} aria-hidden />
      ) : (
        <Plug size={size} strokeWidth={1.75} aria-hidden />
      );
  }
}

/** The launcher: a grid of apps. */
export function AppsIcon({ size = 18 }: IconProps) {
  return <LayoutGrid size={size} strokeWidth={1.75} aria-hidden />;
}
