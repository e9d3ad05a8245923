/** What people call the apps of a session. Unknown ones keep the server's name. */
import type { App } from "../bindings/App";

const NAMES: Readonly<Record<string, string>> = {
  sshd: "SSH / SFTP",
  ttyd: "Console",
  jupyter: "Jupyter Notebook",
  jupyterlab: "JupyterLab",
  vscode: "Visual Studio Code",
  tensorboard: "TensorBoard",
  filebrowser: "File Browser",
  vnc: "VNC",
  xrdp: "RDP",
  mlflow: "MLflow",
  nniboard: "NNI Board",
  "vnc-web": "VNC (Web)",
  rstudio: "RStudio",
};

export function appName(name: string): string {
  return NAMES[name] ?? name;
}

export interface LauncherApps {
  /** Reached through a local port: SSH / SFTP first, then by name. */
  reachable: App[];
  /** Web apps, which the WebUI opens. */
  web: App[];
}

export function groupApps(apps: readonly App[]): LauncherApps {
  const byName = (a: App, b: App) => appName(a.name).localeCompare(appName(b.name));
  const reachable = apps.filter((a) => a.name === "sshd" || a.protocol === "tcp");
  const rank = (a: App) => (a.name === "sshd" ? 0 : 1);
  return {
    reachable: reachable.sort((a, b) => rank(a) - rank(b) || byName(a, b)),
    web: apps.filter((a) => !reachable.includes(a)).sort(byName),
  };
}
