/** The backend inside the app: Tauri commands and the one event `berth`. */
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Event } from "../bindings/Event";
import type { Backend } from "./backend";

export const tauriBackend: Backend = {
  startup: () => invoke("startup"),
  probeServer: (address, tls) => invoke("probe_server", { address, tls }),
  signIn: (request) => invoke("sign_in", { request }),
  signInDemo: () => invoke("sign_in_demo"),
  signOut: () => invoke("sign_out"),
  forgetProfile: (id) => invoke("forget_profile", { id }),
  refreshSessions: () => invoke("refresh_sessions"),
  sessionApps: (sessionId) => invoke("session_apps", { sessionId }),
  connect: (sessionId, app) => invoke("connect", { sessionId, app }),
  disconnect: (id) => invoke("disconnect", { id }),
  connections: () => invoke("connections"),
  saveSshKey: (id) => invoke("save_ssh_key", { id }),
  openConnectionUrl: (id, kind) => invoke("open_connection_url", { id, kind }),
  updateSettings: (settings) => invoke("update_settings", { settings }),
  about: () => invoke("about"),
  notify: (title, body) => invoke("notify", { title, body }),
  copyText: (text) => invoke("copy_text", { text }),
  listen: (listener) => listen<Event>("berth", (event) => listener(event.payload)),
};
