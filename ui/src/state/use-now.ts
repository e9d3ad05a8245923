/** The time, renewed every 30 seconds while the window is seen: what relative times are shown from. */
import { useSyncExternalStore } from "react";

const PERIOD = 30_000;
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function tick() {
  now = Date.now();
  for (const listener of listeners) listener();
}

function onVisibility() {
  clearInterval(timer);
  timer = undefined;
  if (!document.hidden) {
    timer = setInterval(tick, PERIOD);
    tick();
  }
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    document.addEventListener("visibilitychange", onVisibility);
    now = Date.now();
    timer = setInterval(tick, PERIOD);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      document.removeEventListener("visibilitychange", onVisibility);
      clearInterval(timer);
    }
  };
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
