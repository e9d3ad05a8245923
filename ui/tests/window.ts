/** A window of the app in Chromium, and looking things up in it by their test ids. */
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, inject } from "vitest";
import type { Failure } from "../src/backend/backend";
import type { Command, MockControls } from "../src/backend/mock";
import type { Connection } from "../src/bindings/Connection";
import type { Event } from "../src/bindings/Event";
import type { OwnKeys } from "../src/bindings/OwnKeys";
import type { Settings } from "../src/bindings/Settings";
import type { SshHosts } from "../src/bindings/SshHosts";
import type { Startup } from "../src/bindings/Startup";

export const SCREENS = process.env.BERTH_SCREENS ?? join(tmpdir(), "screens");
const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

let browser: Browser;
const problems: string[] = [];

/** Starts one browser for the tests of a file; a message on the console fails the test it came in. */
export function withBrowser(): void {
  beforeAll(async () => {
    await mkdir(SCREENS, { recursive: true });
    browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    expect(problems.splice(0), "messages on the console").toEqual([]);
  });
  afterAll(() => browser.close());
}

export interface OpenOptions {
  dark?: boolean;
  locale?: "en-US" | "ko-KR" | "de-DE";
  size?: { width: number; height: number };
  startup?: Partial<Startup>;
  sshHosts?: Partial<SshHosts>;
  ownKeys?: Partial<OwnKeys>;
  motion?: boolean;
}

export async function openWindow(scenario: string, options: OpenOptions = {}) {
  const context: BrowserContextOptions = {
    viewport: options.size ?? { width: 1100, height: 720 },
    colorScheme: options.dark ? "dark" : "light",
    locale: options.locale ?? "en-US",
    timezoneId: "Asia/Seoul",
    reducedMotion: options.motion ? "no-preference" : "reduce",
  };
  const page = await (await browser.newContext(context)).newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    // Ant Design says this about a popup whose trigger has left meanwhile, in development builds.
    if (message.text().includes("should in same shadow root")) return;
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  if (options.startup !== undefined) {
    await page.addInitScript((startup) => {
      window.berthMockStartup = startup;
    }, options.startup);
  }
  await page.addInitScript(
    ([sshHosts, ownKeys]) => {
      if (sshHosts) window.berthMockSshHosts = sshHosts;
      if (ownKeys) window.berthMockOwnKeys = ownKeys;
    },
    [options.sshHosts ?? null, options.ownKeys ?? null] as const,
  );
  await page.goto(`${inject("origin")}/?mock=${scenario}`);
  await page.waitForFunction(() => window.berthMock !== undefined);
  if (scenario === "signed-in") await listening(page);
  return new Window(page);
}

/** Waits until the window hears events: React runs effects after it has drawn. */
async function listening(page: Page): Promise<void> {
  await page.locator('[data-testid="nav-sessions"]').waitFor();
  await page.evaluate(
    () =>
      new Promise<void>((done) => {
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)));
      }),
  );
}

export class Window {
  constructor(readonly page: Page) {}

  id(testId: string) {
    return this.page.locator(`[data-testid="${testId}"]`);
  }

  async click(testId: string): Promise<void> {
    await this.id(testId).click();
  }

  async seen(testId: string): Promise<void> {
    await this.id(testId).first().waitFor({ state: "visible" });
  }

  async gone(testId: string): Promise<void> {
    await this.id(testId).first().waitFor({ state: "hidden" });
  }

  async text(testId: string): Promise<string> {
    return ((await this.id(testId).textContent()) ?? "").trim();
  }

  async attribute(testId: string, name: string): Promise<string | null> {
    return this.id(testId).getAttribute(name);
  }

  /** Waits until the text is there. */
  async reads(testId: string, text: string | RegExp): Promise<void> {
    await this.id(testId).filter({ hasText: text }).first().waitFor();
  }

  async focused(): Promise<string | null> {
    return this.page.evaluate(() => document.activeElement?.getAttribute("data-testid") ?? null);
  }

  /** Waits until the element with this test id has the focus. */
  async focusOn(testId: string): Promise<void> {
    await expect.poll(() => this.focused()).toBe(testId);
  }

  /** Waits until the window has taken on these settings. */
  async drawnIn({ language, theme }: Settings): Promise<void> {
    await this.page.locator(`html[lang="${language}"][data-theme="${theme}"]`).waitFor();
  }

  /** Nothing may be wider than the window. */
  async fits(): Promise<void> {
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wide, "pixels wider than the window").toBeLessThanOrEqual(0);
  }

  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: join(SCREENS, `${name}.png`) });
  }

  emit(event: Event): Promise<void> {
    return this.page.evaluate((e) => window.berthMock?.emit(e), event);
  }

  failNext(command: Command, code: string, details: Record<string, string> = {}): Promise<void> {
    const failure: Failure = {
      code,
      message: `In English: ${code}.`,
      hint: "In English: do this.",
      details,
    };
    return this.page.evaluate(([c, f]) => window.berthMock?.failNext(c, f), [command, failure] as const);
  }

  hold(command: Command): Promise<void> {
    return this.page.evaluate((c) => window.berthMock?.hold(c), command);
  }

  release(command: Command): Promise<void> {
    return this.page.evaluate((c) => window.berthMock?.release(c), command);
  }

  patchConnection(id: string, patch: Partial<Connection>): Promise<void> {
    return this.page.evaluate(([i, p]) => window.berthMock?.patchConnection(i, p), [id, patch] as const);
  }

  calls(command: Command): Promise<unknown[][]> {
    return this.page.evaluate(
      (c) =>
        ((window.berthMock as MockControls).calls ?? []).filter((x) => x.command === c).map((x) => x.args),
      command,
    );
  }

  copied(): Promise<string[]> {
    return this.page.evaluate(() => [...((window.berthMock as MockControls).copied ?? [])]);
  }
}
