import { describe, expect, test } from "vitest";
import type { App } from "../bindings/App";
import { localeFor } from "../i18n";
import { groupApps } from "./apps";
import { parsePort } from "./port";
import { isReachable, passes, statusGroup, statusTone } from "./status";

describe("parsePort", () => {
  test.each(["1024", "10022", "65535", " 30722 ", "010022"])("takes %j", (text) =>
    expect(parsePort(text)).toMatchObject({ kind: "port", port: Number(text) }),
  );
  test.each(["0", "22", "1023", "65536", "99999", "123456789012345678901"])("refuses %j", (text) =>
    expect(parsePort(text)).toEqual({ kind: "outOfRange" }),
  );
  test.each(["-1", "22.5", "1e4", "0x400", "１００２２", "port", "10 022", "10,022"])(
    "no number: %j",
    (text) => expect(parsePort(text)).toEqual({ kind: "notNumber" }),
  );
  test.each(["", "   "])("blank: %j", (text) => expect(parsePort(text)).toEqual({ kind: "blank" }));
  test("advises 10000-65000", () => {
    const advised = (text: string) => {
      const input = parsePort(text);
      return input.kind === "port" && input.advised;
    };
    expect([advised("9999"), advised("10000"), advised("65000"), advised("65001")]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe("status", () => {
  test("a status nobody knows is shown, active and not reachable", () => {
    expect(statusGroup("HIBERNATING")).toBe("other");
    expect(statusTone("HIBERNATING")).toBe("neutral");
    expect(passes("active", "HIBERNATING")).toBe(true);
    expect(passes("running", "HIBERNATING")).toBe(false);
    expect(isReachable("HIBERNATING")).toBe(false);
  });
  test("active hides what has ended", () => {
    expect(passes("active", "TERMINATED")).toBe(false);
    expect(passes("ended", "CANCELLED")).toBe(true);
    expect(passes("active", "TERMINATING")).toBe(true);
    expect(passes("all", "TERMINATED")).toBe(true);
  });
  test("a degraded session can be reached", () => expect(isReachable("RUNNING_DEGRADED")).toBe(true));
});

test("the launcher puts SSH / SFTP first, then TCP apps by name, and web apps apart", () => {
  const apps: App[] = [
    { name: "jupyter", protocol: "http" },
    { name: "vnc", protocol: "tcp" },
    { name: "aim", protocol: "tcp" },
    { name: "sshd", protocol: "tcp" },
    { name: "pre1", protocol: "preopen" },
  ];
  const { reachable, web } = groupApps(apps);
  expect(reachable.map((a) => a.name)).toEqual(["sshd", "aim", "vnc"]);
  expect(web.map((a) => a.name)).toEqual(["jupyter", "pre1"]);
  expect(apps.map((a) => a.name)[0]).toBe("jupyter");
});

describe("localeFor", () => {
  test("the user's choice wins", () => expect(localeFor("ko", ["en-US"])).toBe("ko"));
  test("else the first language of the system that we speak", () => {
    expect(localeFor("system", ["ja-JP", "ko-KR", "en"])).toBe("ko");
    expect(localeFor("system", ["KO"])).toBe("ko");
    expect(localeFor("system", ["ja-JP"])).toBe("en");
    expect(localeFor("system", [])).toBe("en");
  });
});
