/** What answers at an address, asked once per address and certificate choice; late answers are dropped. */
import { useCallback, useRef, useState } from "react";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { ServerInfo } from "../bindings/ServerInfo";
import type { TlsChoice } from "../bindings/TlsChoice";

export type Probe =
  | { kind: "idle" }
  | { kind: "asking" }
  | { kind: "found"; server: ServerInfo }
  | { kind: "failed"; failure: Failure };

export function useProbe(onFound: (server: ServerInfo) => void) {
  const backend = useBackend();
  const [probe, setProbe] = useState<Probe>({ kind: "idle" });
  const asked = useRef("");

  const ask = useCallback(
    async (address: string, tls: TlsChoice) => {
      const question = JSON.stringify([address, tls]);
      if (question === asked.current) return;
      asked.current = question;
      if (address === "") {
        setProbe({ kind: "idle" });
        return;
      }
      setProbe({ kind: "asking" });
      try {
        const server = await backend.probeServer(address, tls);
        if (asked.current !== question) return;
        setProbe({ kind: "found", server });
        onFound(server);
      } catch (reason) {
        if (asked.current === question) setProbe({ kind: "failed", failure: reason as Failure });
      }
    },
    [backend, onFound],
  );

  /** Forgets the answer: the address is being changed. */
  const reset = useCallback(() => {
    asked.current = "";
    setProbe({ kind: "idle" });
  }, []);

  return { probe, ask, reset };
}
