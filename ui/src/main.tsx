/** Starts the front end: picks the backend, loads the words, draws. */
import "antd/dist/reset.css";
import "./styles/base.css";
import "./styles/sign-in.css";
import "./styles/shell.css";
import "./styles/tables.css";
import "./styles/launcher.css";
import "./styles/connection.css";
import "./styles/dialog.css";
import "./styles/settings.css";
import "./styles/handover.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { AppRoot } from "./app";
import { asFailure, type Backend } from "./backend/backend";
import { BackendProvider } from "./backend/context";
import { tauriBackend } from "./backend/tauri";
import { localeFor, startI18n } from "./i18n";
import { createLive } from "./state/live";

declare const __MOCK__: boolean;

async function pickBackend(): Promise<Backend> {
  const scenario = new URLSearchParams(window.location.search).get("mock");
  if (__MOCK__ && scenario !== null) return (await import("./backend/mock")).mockBackend(scenario);
  return tauriBackend;
}

/** Every rejection that reaches a component is a `Failure`, whatever it was at first. */
function failuresOnly(backend: Backend): Backend {
  const wrapped = Object.entries(backend).map(([name, method]) => [
    name,
    (...args: unknown[]) =>
      (method as (...args: unknown[]) => Promise<unknown>)(...args).catch((reason: unknown) => {
        throw asFailure(reason);
      }),
  ]);
  return Object.fromEntries(wrapped) as Backend;
}

async function start(container: Element): Promise<void> {
  const [backend] = await Promise.all([
    pickBackend().then(failuresOnly),
    startI18n(localeFor("system", navigator.languages)),
  ]);
  const client = new QueryClient({
    defaultOptions: {
      // The backend says when something is new, and repeats what is worth repeating.
      queries: {
        staleTime: Number.POSITIVE_INFINITY,
        gcTime: Number.POSITIVE_INFINITY,
        retry: false,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        networkMode: "always",
      },
      mutations: { networkMode: "always" },
    },
  });
  createRoot(container).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <BackendProvider backend={backend}>
          <AppRoot live={createLive(backend, client)} />
        </BackendProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

const container = document.querySelector("#root");
if (container !== null) void start(container);
