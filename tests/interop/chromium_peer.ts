/**
 * A page of Chromium as a client. To be run on Node, because only Node takes
 * the types out of a file for the page.
 */

import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import process from "node:process";
import { openBarePage } from "../support/bare_chromium.ts";
import { answerRequests } from "./answer_requests.ts";
import type { RunScenario, ScenarioOptions } from "./standard_websocket.ts";

/** What the page has of `standard_websocket.ts`. */
interface Scenarios {
  scenarios: Record<string, RunScenario>;
}

const source = stripTypeScriptTypes(
  await readFile(new URL("./standard_websocket.ts", import.meta.url), "utf8"),
);

const page = await openBarePage(process.argv[2]);
let openUrl: string | undefined;

await answerRequests(async ({ scenario, url, page: pageUrl, options }) => {
  if (pageUrl === undefined) throw new Error("no page to connect from");
  if (openUrl !== pageUrl) {
    openUrl = undefined;
    await page.goTo(pageUrl);
    await page.evaluate(importScenarios, source);
    openUrl = pageUrl;
  }
  return await page.evaluate(
    runScenario,
    scenario,
    url,
    options as ScenarioOptions | undefined,
  );
});

await page.close();

/** To be run in the page. */
async function importScenarios(source: string): Promise<void> {
  const file = new Blob([source], { type: "text/javascript" });
  const { standardScenarios } = await import(URL.createObjectURL(file));
  (globalThis as unknown as Scenarios).scenarios = standardScenarios(WebSocket);
}

/** To be run in the page. */
async function runScenario(
  scenario: string,
  url: string,
  options?: ScenarioOptions,
): Promise<string | void> {
  const { scenarios } = globalThis as unknown as Scenarios;
  return await scenarios[scenario](url, options);
}
