/** permessage-deflate (RFC 7692) for the echo server and its mutants. */

import { Buffer } from "node:buffer";
import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  type InflateRaw,
} from "node:zlib";

/** What a client asked for, and got. */
export interface Parameters {
  /** Whether the server forgets each message once it is compressed. */
  serverNoContextTakeover: boolean;
  /** Log2 of the server's window: 9 to 15. */
  serverMaxWindowBits: number;
}

const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** Reads the first offer of a header, or `null` if it is not of deflate. */
export function readOffer(header: string | undefined): Parameters | null {
  const [name, ...parameters] = (header ?? "").split(",")[0].split(";")
    .map((part) => part.trim());
  if (name !== "permessage-deflate") return null;
  const bits = parameters.map((parameter) =>
    /^server_max_window_bits=(\d+)$/.exec(parameter)?.[1]
  ).find((value) => value !== undefined);
  return {
    serverNoContextTakeover: parameters.includes("server_no_context_takeover"),
    serverMaxWindowBits: bits === undefined ? 15 : Number(bits),
  };
}

/** The header that accepts an offer as it is. */
export function writeAnswer(parameters: Parameters): string {
  return [
    "permessage-deflate",
    ...parameters.serverNoContextTakeover ? ["server_no_context_takeover"] : [],
    ...parameters.serverMaxWindowBits < 15
      ? [`server_max_window_bits=${parameters.serverMaxWindowBits}`]
      : [],
  ].join("; ");
}

/** Compresses and decompresses the messages of a connection. */
export class Compression {
  protected readonly parameters: Parameters;
  #deflate: DeflateRaw | null = null;
  #inflate: InflateRaw | null = null;

  constructor(parameters: Parameters) {
    this.parameters = parameters;
  }

  /** Whether the next message is compressed without those before it. */
  protected forgetsSent(): boolean {
    return this.parameters.serverNoContextTakeover;
  }

  /** Whether the next message is decompressed without those before it. */
  protected forgetsReceived(): boolean {
    return false;
  }

  protected windowBits(): number {
    return this.parameters.serverMaxWindowBits;
  }

  /** Compresses a message. */
  async compress(message: Buffer): Promise<Buffer> {
    this.#deflate ??= createDeflateRaw({ windowBits: this.windowBits() });
    const compressed = await pass(this.#deflate, message);
    if (this.forgetsSent()) {
      this.#deflate.close();
      this.#deflate = null;
    }
    return compressed.subarray(0, -tail.length);
  }

  /** Decompresses a message. */
  async decompress(payload: Buffer): Promise<Buffer> {
    this.#inflate ??= createInflateRaw();
    const message = await pass(this.#inflate, Buffer.concat([payload, tail]));
    if (this.forgetsReceived()) {
      this.#inflate.close();
      this.#inflate = null;
    }
    return message;
  }

  /** Frees what zlib holds. */
  close(): void {
    this.#deflate?.close();
    this.#inflate?.close();
    this.#deflate = this.#inflate = null;
  }
}

/** Puts octets through a stream of zlib, and waits for all that they become. */
function pass(
  stream: DeflateRaw | InflateRaw,
  octets: Buffer,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const onData = (part: Buffer): void => void parts.push(part);
    stream.on("data", onData);
    stream.once("error", reject);
    stream.write(octets, () => {
      stream.flush(constants.Z_SYNC_FLUSH, () => {
        stream.off("data", onData);
        stream.off("error", reject);
        resolve(Buffer.concat(parts));
      });
    });
  });
}
