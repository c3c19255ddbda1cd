/**
 * A message for many connections: encoded once, and compressed once for all
 * that agreed on the same.
 *
 * @module
 */
import { FrameLog, SharedFrame } from "../codec/shared_frame.ts";
import { Opcode } from "../frame.ts";
import type { SharedDeflater } from "./shared_deflater.ts";

const log = new FrameLog();

/** The message as a frame that is not compressed, and what became of it by compression. */
export class SharedMessage extends SharedFrame {
  /** As in a `CompressibleFrame`: whether to, or `undefined` for the threshold to tell. */
  readonly compress: boolean | undefined;
  #compressed: Map<SharedDeflater, SharedFrame | Promise<SharedFrame>> | null =
    null;

  /**
   * Encodes a message; its bytes are copied.
   *
   * @param compress Whether to compress it where that was agreed; by default
   * each connection's threshold tells.
   */
  constructor(message: string | Uint8Array, compress: boolean | undefined) {
    const opcode = typeof message === "string" ? Opcode.Text : Opcode.Binary;
    super(log.append(opcode, false, message));
    this.compress = compress;
  }

  /** The compressed frame for connections that share a deflater. */
  compressedBy(deflater: SharedDeflater): SharedFrame | Promise<SharedFrame> {
    this.#compressed ??= new Map();
    let result = this.#compressed.get(deflater);
    if (result === undefined) {
      result = deflater.compress(this, this.compress === true);
      if (result instanceof Promise) {
        // What can't be compressed may go out as it is.
        result = result.catch(() => this);
      }
      this.#compressed.set(deflater, result);
    }
    return result;
  }
}
