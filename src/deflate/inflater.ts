/**
 * Inflates messages: RFC 7692 section 7.2.2.
 *
 * @module
 */
import { CloseCode } from "../close.ts";
import { ProtocolError } from "../error.ts";
import type { Backend, Bytes, Emit, MessageCodec } from "./backend.ts";
import { History } from "./history.ts";
import { endsInMark, HeldTail, markLength, messageEnd } from "./trailer.ts";
import { ZlibStream } from "./zlib_stream.ts";

/** What inflates messages that are whole. */
export interface InflateEngine {
  /**
   * Whether it can be given the window beside the data. Otherwise the data
   * begins with the window, as a stored block.
   */
  readonly takesWindow: boolean;
  /**
   * Inflates raw DEFLATE.
   *
   * @param parts The data, lent for the call, one part behind the other; it
   * should end in a final block.
   * @param limit How many bytes may come out.
   * @param window What the data may refer back to, where that is taken. It is
   * not needed any more when the call returns.
   * @param storedLength How many bytes of the data are the stored block at its
   * front, which inflates to no more than it is.
   * @returns The output, lent until the next call, or why there is none.
   */
  inflate(
    parts: readonly Uint8Array[],
    limit: number,
    window: Bytes | undefined,
    storedLength: number,
  ): Bytes | NotInflated | Promise<Bytes | NotInflated>;
}

/**
 * Why data was not inflated: more than the limit would come out; or it can't be
 * inflated or goes on behind its final block, and a second look has to tell.
 */
export type NotInflated = "too long" | "not plain";

/**
 * The inflating backend. Every message is inflated on its own. With context
 * takeover the inflater is first given the window, as a dictionary or a stored
 * block: so a connection holds no inflater, only what was received, and each
 * message can be checked to be whole.
 *
 * A small message goes through the engine that the connection uses; one that is
 * large, comes in parts, or is not plain (a final block of its own as in section
 * 7.2.3.5, corrupt data) through a `node:zlib` stream, which tells where it
 * stopped and takes no more memory than asked.
 */
export class Inflater implements Backend {
  readonly #engine: InflateEngine;
  readonly #history: History | null;
  /** Whether the engine met something that was not plain; it is not asked again. */
  #plain = true;

  /**
   * @param engine Inflates what is small.
   * @param contextTakeover Whether messages refer back to those before.
   */
  constructor(engine: InflateEngine, contextTakeover: boolean) {
    this.#engine = engine;
    this.#history = contextTakeover ? new History() : null;
  }

  /** See {@linkcode Backend}. */
  get sequential(): boolean {
    return this.#history !== null;
  }

  /** See {@linkcode Backend}. */
  whole(
    payload: Uint8Array,
    limit: number,
  ): Bytes | null | Promise<Bytes | null> {
    if (!this.#plain) return null;
    const history = this.#history;
    const beside = this.#engine.takesWindow;
    const stored = history === null || beside ? nothing : history.storedBlock;
    const skipped = beside ? 0 : history?.length ?? 0;
    const output = this.#engine.inflate(
      [stored, payload, messageEnd],
      skipped + limit + markLength,
      beside ? history?.bytes : undefined,
      stored.length,
    );
    return output instanceof Promise
      ? output.then((bytes) => this.#finishWhole(bytes, skipped))
      : this.#finishWhole(output, skipped);
  }

  /** See {@linkcode Backend}. */
  open(): MessageCodec {
    return new InflatedMessage(this.#history);
  }

  /** See {@linkcode Backend}. */
  close(): void {}

  #finishWhole(output: Bytes | NotInflated, skipped: number): Bytes | null {
    if (output === "too long") return null;
    if (output === "not plain" || !endsInMark(output)) {
      this.#plain = false;
      return null;
    }
    const message = output.slice(skipped, output.length - markLength);
    this.#history?.append(message);
    return message;
  }
}

const nothing: Bytes = new Uint8Array(0);

/**
 * How many final blocks a message may have. One is usual with some senders; each
 * costs an inflater, and tells nothing.
 */
const maxFinalBlocks = 16;

/** One message that is inflated part by part. */
class InflatedMessage implements MessageCodec {
  readonly #history: History | null;
  #stream: ZlibStream | null = null;
  readonly #tail = new HeldTail(markLength);
  #toSkip = 0;
  #finalBlocks = 0;
  #ending = false;
  #aborted = false;

  constructor(history: History | null) {
    this.#history = history;
  }

  async write(part: Uint8Array, last: boolean, emit: Emit): Promise<void> {
    const onOutput = (bytes: Bytes): Promise<void> => this.#output(bytes, emit);
    try {
      this.#stream ??= await this.#openStream(onOutput);
      await this.#feed(part, onOutput);
      if (!last) return;
      this.#ending = true;
      await this.#feed(messageEnd, onOutput);
    } catch (error) {
      this.abort();
      throw error instanceof ProtocolError ? error : corrupt();
    }
    this.abort();
    if (!endsInMark(this.#tail.bytes)) throw corrupt();
  }

  abort(): void {
    this.#aborted = true;
    this.#stream?.close();
  }

  /** Gives bytes to the inflater; behind a final block, to a new one. */
  async #feed(bytes: Uint8Array, onOutput: Emit): Promise<void> {
    let taken = await this.#stream!.process(bytes, onOutput);
    // Each new inflater takes at least one byte, or the data is not DEFLATE.
    while (taken < bytes.length) {
      if (++this.#finalBlocks > maxFinalBlocks) throw corrupt();
      bytes = bytes.subarray(taken);
      this.#stream!.close();
      this.#stream = await this.#openStream(onOutput);
      taken = await this.#stream.process(bytes, onOutput);
      if (taken === 0) throw corrupt();
    }
  }

  async #openStream(onOutput: Emit): Promise<ZlibStream> {
    const stream = ZlibStream.inflate();
    const history = this.#history;
    if (history !== null && history.length > 0) {
      this.#toSkip = history.length;
      await stream.process(history.storedBlock.slice(), onOutput);
    }
    return stream;
  }

  async #output(bytes: Bytes, emit: Emit): Promise<void> {
    if (this.#toSkip > 0) {
      const skipped = Math.min(this.#toSkip, bytes.length);
      this.#toSkip -= skipped;
      bytes = bytes.subarray(skipped);
      if (bytes.length === 0) return;
    }
    // Until its end is put in, all that comes out is the message.
    for (const known of this.#ending ? this.#tail.push(bytes) : [bytes]) {
      if (known.length === 0 || this.#aborted) continue;
      this.#history?.append(known);
      await emit(known);
    }
  }
}

function corrupt(): ProtocolError {
  return new ProtocolError(
    CloseCode.InvalidPayload,
    "a compressed message is corrupt or cut off: it can't be inflated",
  );
}
