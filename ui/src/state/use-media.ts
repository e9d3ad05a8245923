/** Whether a media query holds, followed live. */
import { useSyncExternalStore } from "react";

/** Windows too narrow for every column of a table. */
export const NARROW = "(max-width: 919px)";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = window.matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => window.matchMedia(query).matches,
  );
}
