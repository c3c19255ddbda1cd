/**
 * Messages that are compressed once for many connections.
 *
 * @module
 */
import { joinBytes } from "../codec/byte_buffer.ts";
import { FrameLog, SharedFrame } from "../codec/shared_frame.ts";
import type { Opcode } from "../frame.ts";
import type { Backend, Bytes } from "./backend.ts";

/**
 * What compresses for all connections that agreed on the same: no context from
 * message to message, and the same settings.
 */
export class SharedDeflater {
  readonly #backend: Backend;
  readonly #log = new FrameLog();

  /** @param backend One without context takeover. */
  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * Compresses a message into a frame; the answer may be there at once.
   *
   * @param always Whether to compress what does not become shorter.
   */
  compress(
    message: SharedFrame,
    always: boolean,
  ): SharedFrame | Promise<SharedFrame> {
    const { opcode, payload } = message;
    const encode = (compressed: Bytes): SharedFrame =>
      always || compressed.length < payload.length
        ? this.#encode(opcode, compressed)
        : message;
    const whole = this.#backend.whole(payload, Infinity);
    if (whole !== null && !(whole instanceof Promise)) return encode(whole);
    return this.#inParts(whole, payload).then(encode);
  }

  #encode(opcode: Opcode, compressed: Bytes): SharedFrame {
    return new SharedFrame(this.#log.append(opcode, true, compressed));
  }

  async #inParts(
    whole: Promise<Bytes | null> | null,
    payload: Bytes,
  ): Promise<Bytes> {
    const result = await whole;
    if (result !== null) return result;
    const chunks: Bytes[] = [];
    await this.#backend.open().write(payload, true, (bytes) => {
      chunks.push(bytes);
    });
    return joinBytes(chunks);
  }
}

const deflaters = new Map<string, SharedDeflater>();

/**
 * What connections share that have the same settings.
 *
 * @param settings All that the output depends on.
 * @param make Makes a backend with these settings, without context takeover.
 */
export function sharedDeflater(
  settings: string,
  make: () => Backend,
): SharedDeflater {
  let deflater = deflaters.get(settings);
  if (deflater === undefined) {
    deflater = new SharedDeflater(make());
    deflaters.set(settings, deflater);
  }
  return deflater;
}
