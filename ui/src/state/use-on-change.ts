/** Calls `then` when `value` has changed since the component appeared. */
import { useEffect, useEffectEvent, useRef } from "react";

export function useOnChange<T>(value: T, then: () => void): void {
  const seen = useRef(value);
  const onChange = useEffectEvent(then);
  useEffect(() => {
    if (seen.current === value) return;
    seen.current = value;
    onChange();
  }, [value]);
}
