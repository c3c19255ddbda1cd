/**
 * A page of Chromium without Playwright, which has every frame of every
 * WebSocket told to it, and so is no use while there are many or large ones.
 */

import { startChromium } from "./chromium_process.ts";
import type { DevTools } from "./devtools.ts";

/** A page, and the browser that was started for it. */
export interface BarePage {
  /** Goes to `url`; fulfils when all that the page consists of is loaded. */
  goTo(url: string): Promise<void>;
  /** Runs a function in the page; what it takes and returns must be JSON. */
  evaluate<Result, Given extends unknown[]>(
    script: (...given: Given) => Result,
    ...given: Given
  ): Promise<Awaited<Result>>;
  close(): Promise<void>;
}

/** Starts Chromium, which takes any certificate, with one page at `url`. */
export async function openBarePage(
  executablePath: string,
  url = "about:blank",
): Promise<BarePage> {
  const { devTools, close } = startChromium(executablePath);
  try {
    const page = await openPage(devTools);
    await page.goTo(url);
    return { ...page, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openPage(devTools: DevTools): Promise<Omit<BarePage, "close">> {
  const { targetId } = await devTools.send("Target.createTarget", {
    url: "about:blank",
  });
  const { sessionId } = await devTools.send("Target.attachToTarget", {
    targetId,
    flatten: true,
  });
  await devTools.send("Inspector.enable", {}, sessionId);

  const page: Omit<BarePage, "close"> = {
    async goTo(url) {
      // It is answered when the page is no longer the one before.
      const { errorText } = await devTools.send(
        "Page.navigate",
        { url },
        sessionId,
      );
      if (errorText !== undefined) throw new Error(`${errorText} at ${url}`);
      await page.evaluate(loaded);
    },
    async evaluate(script, ...given) {
      const parameters = given
        .map((each) => JSON.stringify(each) ?? "undefined").join();
      const { result, exceptionDetails } = await devTools.send(
        "Runtime.evaluate",
        {
          expression: `(${script})(${parameters})`,
          awaitPromise: true,
          returnByValue: true,
        },
        sessionId,
      );
      if (exceptionDetails === undefined) return result.value;
      const { text, exception } = exceptionDetails;
      throw new Error(
        exception?.description ?? `${text} ${JSON.stringify(exception?.value)}`,
      );
    },
  };
  return page;
}

/** To be run in a page: waits until it is loaded. */
async function loaded(): Promise<void> {
  const { document } = globalThis as unknown as {
    document: { readyState: string };
  };
  if (document.readyState === "complete") return;
  await new Promise((resolve) => addEventListener("load", resolve));
}
