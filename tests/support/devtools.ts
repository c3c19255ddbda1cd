/** The Chrome DevTools Protocol, as `--remote-debugging-pipe` speaks it. */

import { Buffer } from "node:buffer";
import type { Readable, Writable } from "node:stream";

// deno-lint-ignore no-explicit-any -- the protocol has a type for each method
type Result = any;

/** What Chromium says: an answer, or an event, which has a method. */
interface Said {
  readonly id?: number;
  readonly result?: Result;
  readonly error?: { readonly message: string };
  readonly method?: string;
}

/** A connection to Chromium: JSON, with a zero byte after each message. */
export class DevTools {
  readonly #input: Writable;
  readonly #waiting = new Map<number, PromiseWithResolvers<Result>>();
  #sent = 0;
  #failure: Error | undefined;

  /**
   * @param input What Chromium reads. Chromium ends when this does.
   * @param output What Chromium writes.
   */
  constructor(input: Writable, output: Readable) {
    this.#input = input;
    // Chromium has ended, which is told to fail().
    input.on("error", () => {});
    output.on("error", () => {});
    let chunks: Buffer[] = [];
    output.on("data", (chunk: Buffer) => {
      let start = 0;
      for (
        let end = chunk.indexOf(0);
        end >= 0;
        start = end + 1, end = chunk.indexOf(0, start)
      ) {
        chunks.push(chunk.subarray(start, end));
        this.#hear(JSON.parse(Buffer.concat(chunks).toString()));
        chunks = [];
      }
      chunks.push(chunk.subarray(start));
    });
  }

  /** Calls a method: of the browser, or of the page that has that session. */
  send(
    method: string,
    params: object = {},
    sessionId?: string,
  ): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#sent;
    const answer = Promise.withResolvers<Result>();
    this.#waiting.set(id, answer);
    this.#input.write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    return answer.promise;
  }

  /** Rejects what has no answer yet, and all that is sent from now on. */
  fail(failure: Error): void {
    this.#failure ??= failure;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  /** Has Chromium end. */
  end(): void {
    this.#input.end();
  }

  #hear({ id, result, error, method }: Said): void {
    if (method === "Inspector.targetCrashed") {
      this.fail(new Error("the page has crashed"));
    }
    if (id === undefined) return;
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) answer?.resolve(result);
    else answer?.reject(new Error(error.message));
  }
}
