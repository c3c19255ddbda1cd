/**
 * A page of Chromium without Playwright, which has every frame of every
 * WebSocket told to it, and so is no use while one is flooded.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromiumArguments } from "./chromium.ts";

/** A page, and the browser that was started for it. */
export interface BarePage {
  /** Runs a function in the page; what it returns must be JSON. */
  evaluate<Result, Given extends unknown[]>(
    script: (...given: Given) => Result,
    ...given: Given
  ): Promise<Awaited<Result>>;
  close(): Promise<void>;
}

/** Starts Chromium with one page, at `url`. */
export async function openBarePage(
  executablePath: string,
  url: string,
): Promise<BarePage> {
  const folder = await mkdtemp(join(tmpdir(), "weir-chromium-"));
  const child = spawn(executablePath, [
    ...chromiumArguments,
    "--remote-debugging-port=0",
    `--user-data-dir=${folder}`,
    url,
  ], { stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  let said = "";
  const browserUrl = await new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    exited.then(() => reject(new Error(`Chromium has ended: ${said}`)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found !== null) resolve(found[1]);
    });
  });
  const pages = await fetch(`http://${new URL(browserUrl).host}/json/list`);
  const targets: { type: string; webSocketDebuggerUrl: string }[] = await pages
    .json();
  const target = targets.find(({ type }) => type === "page");
  if (target === undefined) throw new Error("Chromium has no page");
  const page = await DevTools.connect(target.webSocketDebuggerUrl);

  return {
    async evaluate(script, ...given) {
      const parameters = given.map((each) => JSON.stringify(each)).join();
      const { result, exceptionDetails } = await page.send("Runtime.evaluate", {
        expression: `(${script})(${parameters})`,
        awaitPromise: true,
        returnByValue: true,
      });
      if (exceptionDetails === undefined) return result.value;
      throw new Error(exceptionDetails.exception.description);
    },
    async close() {
      const browser = await DevTools.connect(browserUrl);
      await browser.send("Browser.close");
      await exited;
      await rm(folder, { recursive: true, maxRetries: 5 });
    },
  };
}

/** The Chrome DevTools Protocol. */
class DevTools {
  readonly #socket: WebSocket;
  // deno-lint-ignore no-explicit-any -- the protocol has a type for each method
  readonly #answers = new Map<number, (answer: any) => void>();
  #sent = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(data);
      this.#answers.get(id)?.(result);
      this.#answers.delete(id);
    });
  }

  static async connect(url: string): Promise<DevTools> {
    const socket = new WebSocket(url);
    await once(socket, "open");
    return new DevTools(socket);
  }

  // deno-lint-ignore no-explicit-any -- as above
  send(method: string, params: object = {}): Promise<any> {
    const id = ++this.#sent;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }
}
