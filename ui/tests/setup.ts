/**
 * Builds the front end with the mock backend and serves it as the app does: under the same strict
 * CSP, with a fresh nonce on the inline style of each page.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { build } from "vite";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    origin: string;
  }
}

const ROOT = join(import.meta.dirname, "..");
const DIST = join(ROOT, "node_modules/.mock-dist");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** The directives of tauri.conf.json, with Tauri's nonces added as Tauri does. */
async function csp(nonce: string): Promise<string> {
  const config = JSON.parse(await readFile(join(ROOT, "../tauri.conf.json"), "utf8"));
  const directives: Record<string, string> = config.app.security.csp;
  return Object.entries(directives)
    .map(([name, value]) => (name === "style-src" ? `${name} ${value} 'nonce-${nonce}'` : `${name} ${value}`))
    .join("; ");
}

export default async function setup(project: TestProject) {
  await build({ root: ROOT, mode: "mock", logLevel: "error" });
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = join(DIST, path === "/" ? "index.html" : path);
    try {
      let body: Buffer | string = await readFile(file);
      const nonce = randomBytes(16).toString("base64");
      if (extname(file) === ".html") {
        body = body.toString().replace('<style id="csp-nonce">', `<style id="csp-nonce" nonce="${nonce}">`);
        response.setHeader("Content-Security-Policy", await csp(nonce));
      }
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
      response.end(body);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  project.provide("origin", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}
