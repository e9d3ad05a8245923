/** Both catalogues say the same things, and exactly what the code asks for. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import en from "./en.json";
import ko from "./ko.json";

function flatten(tree: object, prefix = ""): Map<string, string> {
  const flat = new Map<string, string>();
  for (const [name, value] of Object.entries(tree)) {
    const key = prefix === "" ? name : `${prefix}.${name}`;
    if (typeof value === "string") flat.set(key, value);
    else for (const [k, v] of flatten(value, key)) flat.set(k, v);
  }
  return flat;
}

const english = flatten(en);
const korean = flatten(ko);
const placeholders = (text: string) => [...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map((m) => m[1]).sort();

describe("the catalogues", () => {
  test("have the same keys in the same order", () => {
    expect([...korean.keys()]).toEqual([...english.keys()]);
  });
  test("leave nothing empty", () => {
    const blank = [...english, ...korean].filter(([, text]) => text.trim() === "").map(([key]) => key);
    expect(blank).toEqual([]);
  });
  test("mention the same values", () => {
    const different = [...english].filter(
      ([key, text]) => placeholders(text).join() !== placeholders(korean.get(key) ?? "").join(),
    );
    expect(different.map(([key]) => key)).toEqual([]);
  });
  test("are Korean in Korean", () => {
    // Names, and templates of values only, are the same in both.
    const same = ["connection.title", "connection.url.ssh", "connection.url.sftp"];
    const untranslated = [...korean].filter(([key, text]) => !/[가-힣]/.test(text) && !same.includes(key));
    expect(untranslated.map(([key]) => key)).toEqual([]);
  });
  test("have both sentences for every error", () => {
    for (const [code, sentences] of Object.entries(en.errors)) {
      expect(Object.keys(sentences), code).toEqual(["message", "hint"]);
    }
  });
});

/** Keys as the code names them: whole ones, and patterns where a part is computed. */
function used(): { keys: Set<string>; patterns: RegExp[] } {
  const src = join(import.meta.dirname, "..");
  const keys = new Set<string>();
  const patterns: RegExp[] = [];
  for (const name of readdirSync(src, { recursive: true, encoding: "utf8" })) {
    if (!/\.tsx?$/.test(name) || name.includes(".test.")) continue;
    const code = readFileSync(join(src, name), "utf8");
    for (const [, key] of code.matchAll(/\bt\(\s*"([^"]+)"/g)) if (key) keys.add(key);
    for (const [, key] of code.matchAll(/\bt\(\s*`([^`]+)`/g)) if (key) patterns.push(asPattern(key));
    for (const [, key] of code.matchAll(/translated\(t, `([^`]+)`/g)) if (key) patterns.push(asPattern(key));
  }
  // What the shell says where the page cannot.
  const shell = join(src, "../../src-tauri/src");
  for (const name of readdirSync(shell, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".rs")) continue;
    const code = readFileSync(join(shell, name), "utf8");
    for (const [, key] of code.matchAll(/"(native\.\w+)"/g)) if (key) keys.add(key);
  }
  return { keys, patterns };
}

function asPattern(template: string): RegExp {
  const parts = template.split(/\$\{[^}]+\}/).map((part) => part.replace(/[.]/g, "\\."));
  return new RegExp(`^${parts.join("[\\w-]+")}$`);
}

describe("the code", () => {
  const { keys, patterns } = used();
  const known = new Set([...english.keys()].map((key) => key.replace(/_(one|other)$/, "")));

  test("asks only for words that exist", () => {
    expect([...keys].filter((key) => !known.has(key))).toEqual([]);
    const empty = patterns.filter((pattern) => ![...known].some((key) => pattern.test(key)));
    expect(empty.map(String)).toEqual([]);
  });
  test("uses every word there is", () => {
    const unused = [...known].filter((key) => !keys.has(key) && !patterns.some((p) => p.test(key)));
    expect(unused).toEqual([]);
  });
});
