import { describe, expect, test } from "vitest";
import { addressHost, formatAgo, formatBytes, resourceParts, shortImage } from "./format";

describe("formatBytes", () => {
  test.each([
    [0, "0 B"],
    [932, "932 B"],
    [1024, "1 KiB"],
    [1_490_000, "1.42 MiB"],
    [48_312_441, "46.1 MiB"],
    [137_438_953_472, "128 GiB"],
    [1024 ** 2 - 1, "1 MiB"],
    [2 ** 53, "8 PiB"],
  ])("%d is %s", (bytes, text) => expect(formatBytes(bytes, "en")).toBe(text));

  test("uses the language's digits and marks", () => expect(formatBytes(1_490_000, "de")).toBe("1,42 MiB"));
});

describe("formatAgo", () => {
  const now = Date.parse("2026-11-23T09:00:00Z");
  test.each([
    ["2026-11-23T08:59:31Z", "now", "지금"],
    ["2026-11-23T08:55:00Z", "5 min. ago", "5분 전"],
    ["2026-11-23T06:00:01Z", "2 hr. ago", "2시간 전"],
    ["2026-11-22T08:59:00Z", "yesterday", "어제"],
    ["2026-08-20T08:59:00Z", "3 mo. ago", "3개월 전"],
    ["2026-11-23T09:00:07Z", "now", "지금"],
  ])("%s", (iso, en, ko) => {
    expect(formatAgo(iso, now, "en")).toBe(en);
    expect(formatAgo(iso, now, "ko")).toBe(ko);
  });
});

describe("shortImage", () => {
  test.each([
    ["cr.backend.ai/stable/python-pytorch:2.4-py312-cuda12.4@x86_64", "python-pytorch:2.4-py312-cuda12.4"],
    ["registry.example:5000/eda/verilator:5.026", "verilator:5.026"],
    ["registry.example:5000/verilator", "verilator"],
    ["python", "python"],
    ["", ""],
  ])("%s", (image, short) => expect(shortImage(image)).toBe(short));
});

describe("resourceParts", () => {
  const parts = (slots: Record<string, string>) =>
    resourceParts(
      Object.entries(slots).map(([slot, amount]) => ({ slot, amount })),
      "en",
    );

  test("CPU, memory, accelerators, in this order and without empty ones", () => {
    expect(parts({ "cuda.device": "1", mem: "34359738368", cpu: "4", "tpu.device": "0" })).toEqual([
      "CPU 4",
      "32 GiB",
      "1 GPU",
    ]);
  });
  test("shares are fractions", () => expect(parts({ "cuda.shares": "0.50" })).toEqual(["0.5 fGPU"]));
  test("an unknown slot keeps its name", () => {
    expect(parts({ "newchip.device": "2", odd: "many" })).toEqual(["2 newchip", "odd many"]);
  });
});

test("addressHost keeps the port and survives nonsense", () => {
  expect(addressHost("https://edge.example:8091/path")).toBe("edge.example:8091");
  expect(addressHost("nonsense")).toBe("nonsense");
});
