/**
 * permessage-deflate (RFC 7692) for the fuzzing peer: whole messages, through
 * the raw deflate streams of `node:zlib`. It shares nothing with `src/`, so
 * that an error of Weir's own codec cannot hide itself.
 */

import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  type InflateRaw,
} from "node:zlib";
import type {
  CompressionAnswer,
  CompressionOffer,
  MessageCompression,
} from "./compression.ts";
import {
  acceptOffers,
  acceptResponse,
  type DeflateAccept,
  type DeflateOffer,
  type DeflateParameters,
  ExtensionError,
  formatOffers,
} from "./deflate_negotiation.ts";

/** What a sync flush ends with, and what a sender leaves out. */
const trailer = new Uint8Array([0x00, 0x00, 0xff, 0xff]);

/** A message of no octets: an empty stored block without its trailer. */
const emptyMessage = new Uint8Array([0x00]);

/**
 * One zlib stream that turns one whole input into one whole output. The
 * streams are asynchronous, and nothing else keeps a window from one message
 * to the next on every runtime: Deno ignores the `dictionary` of the
 * synchronous functions.
 */
class MessageTransform {
  readonly #create: () => DeflateRaw | InflateRaw;
  #stream: DeflateRaw | InflateRaw | null = null;
  #output: Uint8Array[] = [];
  #fail: (error: Error) => void = () => {};
  #error: Error | null = null;

  /** Takes a function that creates the stream, flushing on every write. */
  constructor(create: () => DeflateRaw | InflateRaw) {
    this.#create = create;
  }

  /** Forgets the window. */
  reset(): void {
    if (this.#error === null) this.#stream?.reset();
  }

  /** The output of an input; the one before must have been awaited. */
  transform(input: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      if (this.#error !== null) return reject(this.#error);
      const stream = this.#stream ??= this.#open();
      stream.write(input, () => {
        // On Deno the callback comes first and the error event after it.
        if (stream.errored) return;
        // What the stream has buffered comes as data events, too.
        while (stream.read() !== null);
        const output = this.#output;
        this.#output = [];
        resolve(output.length === 1 ? output[0] : Buffer.concat(output));
      });
    });
  }

  /** Gives the stream's memory back; an output still awaited is rejected. */
  close(): void {
    this.#giveUp(new Error("The connection is gone."));
    this.#stream?.destroy();
  }

  #giveUp(error: Error): void {
    this.#error ??= error;
    this.#fail(this.#error);
  }

  #open(): DeflateRaw | InflateRaw {
    const stream = this.#create();
    stream.on("data", (chunk: Uint8Array) => this.#output.push(chunk));
    stream.on("error", (error) => this.#giveUp(error));
    // A message may end in a final block (RFC 7692, section 7.2.3.5), after
    // which zlib wants a new stream.
    stream.once("end", () => this.#stream = null);
    return stream;
  }
}

/** The compression of one connection, in both directions. */
export class PerMessageDeflate implements MessageCompression {
  /** What was agreed on in the opening handshake. */
  readonly parameters: DeflateParameters;
  readonly #deflate: MessageTransform;
  readonly #inflate: MessageTransform;
  readonly #deflateTakesOver: boolean;
  readonly #inflateTakesOver: boolean;
  #lastCompressed: Promise<unknown> = Promise.resolve();
  #lastDecompressed: Promise<unknown> = Promise.resolve();

  /**
   * @param role Which end of the connection this is.
   * @param parameters What was agreed on in the opening handshake.
   */
  constructor(role: "client" | "server", parameters: DeflateParameters) {
    this.parameters = parameters;
    const isServer = role === "server";
    const {
      serverMaxWindowBits,
      clientMaxWindowBits,
      serverNoContextTakeover,
      clientNoContextTakeover,
    } = parameters;
    this.#deflateTakesOver = isServer
      ? !serverNoContextTakeover
      : !clientNoContextTakeover;
    this.#inflateTakesOver = isServer
      ? !clientNoContextTakeover
      : !serverNoContextTakeover;
    const ownBits = isServer ? serverMaxWindowBits : clientMaxWindowBits;
    const peerBits = isServer ? clientMaxWindowBits : serverMaxWindowBits;
    const common = {
      flush: constants.Z_SYNC_FLUSH,
      chunkSize: 128 * 1024 + 1024,
    };
    this.#deflate = new MessageTransform(() =>
      createDeflateRaw({
        ...common,
        windowBits: ownBits,
        // zlib has no deflate window of 256 octets; without matches it needs
        // none.
        strategy: ownBits < 9
          ? constants.Z_HUFFMAN_ONLY
          : constants.Z_DEFAULT_STRATEGY,
      })
    );
    this.#inflate = new MessageTransform(() =>
      createInflateRaw({ ...common, windowBits: peerBits })
    );
  }

  /**
   * Compresses a message.
   *
   * @param payload The whole message.
   * @returns What to put into its frames, without the trailer of the flush.
   * Calls are served in order.
   */
  compress(payload: Uint8Array): Promise<Uint8Array> {
    const compressed = this.#lastCompressed.then(async () => {
      if (payload.byteLength === 0) return emptyMessage;
      if (!this.#deflateTakesOver) this.#deflate.reset();
      const output = await this.#deflate.transform(payload);
      return output.subarray(0, output.byteLength - trailer.byteLength);
    });
    this.#lastCompressed = compressed.catch(() => {});
    return compressed;
  }

  /**
   * Inflates a message.
   *
   * @param payload The payloads of all its frames, concatenated.
   * @returns The message. Rejects where the payload is no deflate stream, or
   * refers to octets before its window. Calls are served in order.
   */
  decompress(payload: Uint8Array): Promise<Uint8Array> {
    const decompressed = this.#lastDecompressed.then(() => {
      if (!this.#inflateTakesOver) this.#inflate.reset();
      return this.#inflate.transform(Buffer.concat([payload, trailer]));
    });
    this.#lastDecompressed = decompressed.catch(() => {});
    return decompressed;
  }

  /**
   * Gives the memory of both directions back, once the connection is lost.
   * What is still being worked on is rejected.
   */
  close(): void {
    this.#deflate.close();
    this.#inflate.close();
  }
}

/**
 * A client's offers of permessage-deflate, in order of preference, and its
 * check of the server's answer. See {@linkcode acceptResponse}.
 */
export function offerDeflate(
  offers: readonly DeflateOffer[],
): CompressionOffer {
  return {
    extensions: formatOffers(offers),
    accept(extensions) {
      const parameters = acceptResponse(extensions, offers);
      if (parameters === null) {
        throw new ExtensionError(
          "The server's Sec-WebSocket-Extensions names no extension.",
        );
      }
      return new PerMessageDeflate("client", parameters);
    },
  };
}

/**
 * A server's answer to offers of permessage-deflate. See
 * {@linkcode acceptOffers}.
 *
 * @param accept The choice among the offers; null declines them all, but
 * still refuses ill ones.
 */
export function answerDeflate(accept: DeflateAccept | null): CompressionAnswer {
  return {
    answer(extensions) {
      const agreed = acceptOffers(extensions, accept);
      return agreed && {
        extensions: agreed.response,
        compression: new PerMessageDeflate("server", agreed.parameters),
      };
    },
  };
}
