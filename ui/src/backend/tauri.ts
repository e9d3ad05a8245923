/** The backend inside the app: Tauri commands and the one event `berth`. */
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Event } from "../bindings/Event";
import type { Backend } from "./backend";

export const tauriBackend: Backend = {
  startup: () => invoke("startup"),
  probeServer: (address, tls) => invoke("probe_server", { address, tls }),
  signIn: (request) => invoke("sign_in", { request }),
  changeExpiredPassword: (request, password) => invoke("change_expired_password", { request, password }),
  changePassword: (current, password) => invoke("change_password", { current, password }),
  signInDemo: () => invoke("sign_in_demo"),
  signOut: () => invoke("sign_out"),
  forgetProfile: (id) => invoke("forget_profile", { id }),
  refreshSessions: () => invoke("refresh_sessions"),
  sessionApps: (sessionId) => invoke("session_apps", { sessionId }),
  connect: (sessionId, app) => invoke("connect", { sessionId, app }),
  disconnect: (id) => invoke("disconnect", { id }),
  connections: () => invoke("connections"),
  saveSshKey: (id) => invoke("save_ssh_key", { id }),
  saveSshKeyAsPpk: (id, request) => invoke("save_ssh_key_as_ppk", { id, request }),
  tools: () => invoke("tools"),
  openIn: (id, tool) => invoke("open_in", { id, tool }),
  openToolPage: (tool) => invoke("open_tool_page", { tool }),
  sshHosts: () => invoke("ssh_hosts"),
  sshHost: (id) => invoke("ssh_host", { id }),
  installSshHosts: () => invoke("install_ssh_hosts"),
  uninstallSshHosts: () => invoke("uninstall_ssh_hosts"),
  ownKeys: () => invoke("own_keys"),
  renewAccountKey: () => invoke("renew_account_key"),
  registerAccountKey: () => invoke("register_account_key"),
  addKeyToSession: (sessionId, line) => invoke("add_key_to_session", { sessionId, line }),
  savedKeys: () => invoke("saved_keys"),
  mendKey: (path) => invoke("mend_key", { path }),
  openConnectionUrl: (id, kind) => invoke("open_connection_url", { id, kind }),
  openWebUi: () => invoke("open_web_ui"),
  updateSettings: (settings) => invoke("update_settings", { settings }),
  about: () => invoke("about"),
  notify: (title, body) => invoke("notify", { title, body }),
  copyText: (text) => invoke("copy_text", { text }),
  listen: (listener) => listen<Event>("berth", (event) => listener(event.payload)),
};
