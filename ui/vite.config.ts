import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `--mode mock` builds the same front end with the in-browser backend; it goes elsewhere, so that
// no mock data can end up in the app.
export default defineConfig(({ mode }) => ({
  plugins: [react()],
  define: { __MOCK__: JSON.stringify(mode !== "production") },
  clearScreen: false,
  server: { host: "localhost", port: 5173, strictPort: true },
  build: {
    target: ["es2022", "safari15"],
    outDir: mode === "mock" ? "node_modules/.mock-dist" : "dist",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "logic",
          environment: "jsdom",
          include: ["src/**/*.test.{ts,tsx}"],
        },
      },
      {
        extends: true,
        test: {
          name: "screens",
          environment: "node",
          include: ["tests/**/*.test.ts"],
          globalSetup: "tests/setup.ts",
          // Limits are there for what hangs: a busy machine may take its time.
          testTimeout: 120_000,
          expect: { poll: { timeout: 30_000 } },
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
    ],
  },
}));
