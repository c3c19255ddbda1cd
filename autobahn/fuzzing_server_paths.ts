/**
 * What clients ask the fuzzing server for, in the paths and parameters of
 * their WebSocket URLs.
 */

import {
  HandshakeError,
  type HandshakeRequest,
} from "./peer/opening_handshake.ts";

/** What a client wants. Places of cases are indices into those selected. */
export type FuzzingServerTask =
  /** To run a case. */
  | { path: "/runCase"; agent: string; index: number }
  /** To know how many cases there are. */
  | { path: "/getCaseCount" }
  /** To know the number and the description of a case. */
  | { path: "/getCaseInfo"; index: number }
  /** To know how it did in a case, as soon as that has ended. */
  | { path: "/getCaseStatus"; agent: string; index: number }
  /** To have the reports written, and perhaps the server end after that. */
  | { path: "/updateReports"; agent: string; shutdownOnComplete: boolean }
  /** To have the server end. */
  | { path: "/stopServer" };

const usage = "/getCaseCount, /runCase?case=1&agent=NAME, " +
  "/getCaseInfo?case=1, /getCaseStatus?case=1&agent=NAME, " +
  "/updateReports?agent=NAME and /stopServer";

/** Reads the parameters of one request. */
class Parameters {
  readonly #request: HandshakeRequest;
  readonly #ids: readonly string[];

  constructor(request: HandshakeRequest, ids: readonly string[]) {
    this.#request = request;
    this.#ids = ids;
  }

  /** The agent's name. */
  agent(): string {
    const agent = this.#single("agent");
    if (agent === null || agent === "") {
      throw this.#error("needs the parameter agent, the client's name");
    }
    return agent;
  }

  /** Which of the cases: `case=1`, or `casetuple=1.1.1`. */
  index(): number {
    const id = this.#single("casetuple");
    const number = this.#single("case");
    if (number !== null) return this.#indexOfNumber(number);
    if (id !== null) return this.#indexOfId(id.trim());
    throw this.#error("needs the parameter case, the number of a case");
  }

  /** Whether the server is to end afterwards. */
  shutdownOnComplete(): boolean {
    const value = this.#single("shutdownOnComplete");
    return value !== null && /^(?:true|yes)$/i.test(value);
  }

  #indexOfNumber(number: string): number {
    const index = /^\d{1,9}$/.test(number) ? Number(number) - 1 : -1;
    if (index < 0 || index >= this.#ids.length) {
      throw this.#error(
        `has case=${JSON.stringify(number)}: the cases are ` +
          `1 to ${this.#ids.length}`,
      );
    }
    return index;
  }

  #indexOfId(id: string): number {
    const index = this.#ids.indexOf(id);
    if (index < 0) {
      throw this.#error(
        `has casetuple=${JSON.stringify(id)}, which is none of the cases ` +
          "selected",
      );
    }
    return index;
  }

  #single(name: string): string | null {
    const values = this.#request.parameters.getAll(name);
    if (values.length > 1) {
      throw this.#error(`has the parameter ${name} more than once`);
    }
    return values[0] ?? null;
  }

  #error(problem: string): HandshakeError {
    return new HandshakeError(`${this.#request.path} ${problem}`);
  }
}

/**
 * Makes sense of a request.
 *
 * @param request A well-formed opening handshake.
 * @param ids The numbers of the cases selected, in their order.
 * @throws {HandshakeError} 404 for another path; 400 for a parameter that is
 * missing, repeated, or names a case that is not there.
 */
export function parseTask(
  request: HandshakeRequest,
  ids: readonly string[],
): FuzzingServerTask {
  const parameters = new Parameters(request, ids);
  const { path } = request;
  switch (path) {
    case "/runCase":
    case "/getCaseStatus":
      return { path, agent: parameters.agent(), index: parameters.index() };
    case "/getCaseCount":
    case "/stopServer":
      return { path };
    case "/getCaseInfo":
      return { path, index: parameters.index() };
    case "/updateReports":
      return {
        path,
        agent: parameters.agent(),
        shutdownOnComplete: parameters.shutdownOnComplete(),
      };
    default:
      throw new HandshakeError(
        `there is nothing at ${path}: the fuzzing server has ${usage}`,
        404,
      );
  }
}
