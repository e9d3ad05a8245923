/** Which page and which dialogs are open: the only state the front end owns. */
import { createContext, type ReactNode, useContext, useMemo, useState } from "react";
import type { Connection } from "../bindings/Connection";

export const PAGES = ["sessions", "connections", "keys", "settings"] as const;
export type Page = (typeof PAGES)[number];

export interface Screen {
  page: Page;
  goTo(page: Page): void;
  /** Session whose app launcher is open. */
  launcher: string | null;
  openLauncher(sessionId: string | null): void;
  /** Connection whose dialog is open: its last known state, because it may vanish meanwhile. */
  connection: Connection | null;
  openConnection(connection: Connection | null): void;
  about: boolean;
  showAbout(shown: boolean): void;
  /** True once the user has asked for the sign-in dialog, or has not put it off. */
  signInAgain: boolean;
  askSignIn(asked: boolean): void;
}

const ScreenContext = createContext<Screen | null>(null);

export function ScreenProvider({ children }: { children: ReactNode }) {
  const [page, goTo] = useState<Page>("sessions");
  const [launcher, openLauncher] = useState<string | null>(null);
  const [connection, openConnection] = useState<Connection | null>(null);
  const [about, showAbout] = useState(false);
  const [signInAgain, askSignIn] = useState(false);
  const screen = useMemo<Screen>(
    () => ({
      page,
      goTo,
      launcher,
      openLauncher,
      connection,
      openConnection,
      about,
      showAbout,
      signInAgain,
      askSignIn,
    }),
    [page, launcher, connection, about, signInAgain],
  );
  return <ScreenContext value={screen}>{children}</ScreenContext>;
}

export function useScreen(): Screen {
  const screen = useContext(ScreenContext);
  if (screen === null) throw new globalThis.Error("no ScreenProvider above this component");
  return screen;
}
