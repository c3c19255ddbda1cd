/**
 * Runs an independent client or server as a child process: one that does not
 * share code, an event loop or, mostly, a language with what is under test.
 */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { certificate, privateKey } from "../support/certificate.ts";
import type { Command } from "../support/runtime.ts";

/** What a peer is asked on its standard input: one JSON object a line. */
export interface PeerRequest {
  /** The name of a scenario. */
  readonly scenario: string;
  /** Where to connect to. */
  readonly url: string;
  /** For a browser: the page that connects. */
  readonly page?: string;
  /** What else the scenario needs to know. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** What a peer answers on its standard output: one JSON object a line. */
export interface PeerAnswer {
  /** What went wrong; absent if all went as it should. */
  error?: string;
  /** The extensions that were agreed, if the scenario tells. */
  extensions?: string;
  /** Of a server, once, when it listens: where. */
  urls?: ServerUrls;
}

/** Where a peer that is a server listens. */
export interface ServerUrls {
  readonly ws: string;
  readonly wss: string;
}

const answerTimeout = 60_000;
const exitTimeout = 10_000;

/** A client or a server in a child process. */
export class Peer {
  #child: ChildProcessWithoutNullStreams;
  #folder: string;
  #errors = "";
  #exited: Promise<string>;
  #settle: ((line: string) => void) | undefined;

  private constructor(
    child: ChildProcessWithoutNullStreams,
    folder: string,
  ) {
    this.#child = child;
    this.#folder = folder;
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    // A write to a child that has exited fails; its exit tells why.
    child.stdin.on("error", () => {});
    this.#exited = new Promise((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("close", (code, signal) => resolve(`exit ${signal ?? code}`));
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#settle?.(line);
    });
  }

  /** Starts `command`, which finds the tests' certificate in its environment. */
  static async start(command: Command): Promise<Peer> {
    const folder = await mkdtemp(join(tmpdir(), "weir-interop-"));
    const file = join(folder, "certificate.pem");
    await writeFile(file, certificate);
    const keyFile = join(folder, "key.pem");
    await writeFile(keyFile, privateKey);
    const child = spawn(command.program, [...command.arguments], {
      stdio: "pipe",
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: file, // Node and Bun
        DENO_CERT: file,
        WEIR_TEST_CERTIFICATE: file, // the peers in Python
        WEIR_TEST_KEY: keyFile,
      },
    });
    return new Peer(child, folder);
  }

  /**
   * Has the peer run one scenario; rejects with what went wrong in it.
   *
   * @returns The extensions that were agreed, if the scenario tells.
   */
  async run(request: PeerRequest): Promise<string | undefined> {
    const { extensions } = await this.#answer(request);
    return extensions;
  }

  /** Where the peer listens, which is a server. To be called once, at first. */
  async listen(): Promise<ServerUrls> {
    const { urls } = await this.#answer(null);
    if (urls === undefined) throw this.#failure("no URLs");
    return urls;
  }

  async #answer(request: PeerRequest | null): Promise<PeerAnswer> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const line = await new Promise<string>((resolve, reject) => {
      this.#settle = resolve;
      timer = setTimeout(() => {
        reject(this.#failure(`no answer within ${answerTimeout} ms`));
      }, answerTimeout);
      this.#exited.then((how) => reject(this.#failure(how)));
      if (request === null) return;
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    }).finally(() => clearTimeout(timer));
    const answer: PeerAnswer = JSON.parse(line);
    if (answer.error !== undefined) throw this.#failure(answer.error);
    return answer;
  }

  /** Ends the child's input, upon which it exits. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), exitTimeout);
    await this.#exited;
    clearTimeout(timer);
    await rm(this.#folder, { recursive: true });
  }

  #failure(what: string): Error {
    return new Error(
      this.#errors === "" ? what : `${what}\nIts stderr:\n${this.#errors}`,
    );
  }
}
