import { existsSync } from "node:fs";

import { defineConfig } from "@playwright/test";

const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
if (!existsSync(chromium)) {
  console.log(`SKIPPED the browser tests: ${chromium} is missing; install the package chromium, or name it in CHROMIUM`);
  process.exit(0);
}

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  // One scene of real processes serves all tests, in the order in which the story happens.
  workers: 1,
  fullyParallel: false,
  // Limits, not pauses: on a busy machine a step takes long, and a test that waits is not a test that fails.
  timeout: 300_000,
  expect: { timeout: 60_000 },
  retries: 0,
  reporter: [["list"]],
  globalSetup: "./e2e/setup.ts",
  use: {
    viewport: { width: 1280, height: 860 },
    locale: "en-GB",
    timezoneId: "Europe/Athens",
    actionTimeout: 60_000,
    trace: process.env["TRACE"] ? "retain-on-failure" : "off",
    launchOptions: {
      executablePath: chromium,
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-features=AutofillServerCommunication"],
    },
  },
});
