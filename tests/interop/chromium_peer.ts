/**
 * A page of Chromium as a client. To be run on Node, because only Node takes
 * the types out of a file for the page.
 */

import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import process from "node:process";
import { chromium } from "playwright-core";
import { chromiumArguments } from "../support/chromium.ts";
import { answerRequests } from "./answer_requests.ts";
import type { RunScenario, ScenarioOptions } from "./standard_websocket.ts";

const source = stripTypeScriptTypes(
  await readFile(new URL("./standard_websocket.ts", import.meta.url), "utf8"),
);

const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: [...chromiumArguments],
});
const page = await browser.newPage({ ignoreHTTPSErrors: true });

await answerRequests(async ({ scenario, url, page: pageUrl, options }) => {
  if (pageUrl === undefined) throw new Error("no page to connect from");
  if (page.url() !== pageUrl) {
    await page.goto(pageUrl);
    await page.addScriptTag({
      type: "module",
      content: `${source}
globalThis.scenarios = standardScenarios(WebSocket);`,
    });
    // A module in the page runs in its own time.
    await page.waitForFunction(() => "scenarios" in globalThis);
  }
  return await page.evaluate(
    async ([scenario, url, options]) => {
      const { scenarios } = globalThis as unknown as {
        scenarios: Record<string, RunScenario>;
      };
      return await scenarios[scenario](url, options);
    },
    [scenario, url, options as ScenarioOptions | undefined] as const,
  );
});

await browser.close();
