/**
 * What can be sent, and how.
 *
 * @module
 */
import type { MessageSource } from "../codec/message_encoder.ts";
import { describe } from "../describe.ts";
import type { StreamChunk } from "./stream_message.ts";

/** Options of a single message. */
export interface SendOptions {
  /**
   * For a `ReadableStream`: whether it becomes a text or a binary message. By
   * default its first chunk tells: a string begins a text message.
   */
  type?: "text" | "binary";
  /**
   * Whether to compress the message, where permessage-deflate was agreed. By
   * default a message is compressed from `deflate.threshold` on, and a stream
   * unless that is `Infinity`.
   */
  compress?: boolean;
}

/** What can be sent: see {@linkcode MessageSource}; a `ReadableStream` becomes one fragmented message. */
export type Sendable = MessageSource | ReadableStream<StreamChunk>;

/** A stream that will not be sent is not left to wait for its reader. */
export function cancelUnread(
  message: unknown,
  reason: unknown,
): void {
  if (message instanceof ReadableStream && !message.locked) {
    message.cancel(reason).catch(() => {});
  }
}

/**
 * Checks what an application gives to be sent that is neither text nor bytes.
 *
 * @throws {TypeError} For what cannot be sent.
 */
export function assertSendable(message: unknown): void {
  if (message instanceof Blob || message instanceof ReadableStream) return;
  throw new TypeError(
    `send() takes a string, an ArrayBuffer, a view on one, a Blob or a ReadableStream, not ${
      describe(message)
    }: serialise it first, for example with JSON.stringify()`,
  );
}
