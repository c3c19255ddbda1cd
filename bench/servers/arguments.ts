/**
 * What every server of the benchmark is told on its command line, and what it
 * says when it listens.
 *
 *     node bench/servers/ws.ts --mode=echo --port=9001 --deflate=zlib --buffers=own
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";

/** What a server does with a message. */
export type Mode =
  /** Sends it back. */
  | "echo"
  /** Sends it to every connection, the sender's too. */
  | "broadcast"
  /** Sends it back, with every limit of size out of the way. */
  | "large";

/** How a server compresses; those that have no choice take any but `off` as on. */
export type Deflate = "off" | "auto" | "zlib" | "takeover";

/** Whether binary messages have buffers of their own, or may share one. */
export type Buffers = "own" | "shared";

/** The largest message of the mode `large`: a little more than 1 GiB. */
export const largeMessageLimit = 2 ** 30 + 2 ** 20;

/** The arguments. */
export interface ServerArguments {
  /** What to do with a message. */
  mode: Mode;
  /** The port to listen on, 0 for any. */
  port: number;
  /** Whether and how to compress; every message is, however short. */
  deflate: Deflate;
  /** What stands in a message's buffer, for those that have a choice. */
  buffers: Buffers;
}

const { values } = parseArgs({
  options: {
    mode: { type: "string", default: "echo" },
    port: { type: "string", default: "0" },
    deflate: { type: "string", default: "off" },
    buffers: { type: "string", default: "own" },
  },
});

/** What this server was told. */
export const serverArguments: ServerArguments = {
  mode: values.mode as Mode,
  port: Number(values.port),
  deflate: values.deflate as Deflate,
  buffers: values.buffers as Buffers,
};

/** Tells whoever started this server where it listens. */
export function announce(port: number): void {
  process.stdout.write(`listening on port ${port}\n`);
}
