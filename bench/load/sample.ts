/**
 * Looks at a sample of what the server sends, and compares it with what was
 * sent.
 *
 * @module
 */
import { inflateRawSync } from "node:zlib";
import type { FrameRing } from "./frame_ring.ts";
import type { PayloadSink } from "./message_parser.ts";

/** deflate's Z_SYNC_FLUSH: there is no end that must be reached. */
const syncFlush = 2;
/** The window of deflate: as much of the last messages may be referred to. */
const windowSize = 32768;
/** Of one connection, so many messages are inflated, from the first. */
const inflatedMessages = 64;

/** Compares the messages of one connection that arrive in the ring's order. */
export class Sample {
  /** How many messages were compared and right. */
  verified = 0;

  readonly #expected: readonly Uint8Array[];
  readonly #every: number;
  readonly #opcode: number;
  readonly #fail: (reason: string) => void;

  /** Compressed messages, put together to be inflated at the end. */
  readonly #compressed: { number: number; parts: Uint8Array[] }[] = [];

  /**
   * Makes a sample.
   *
   * @param ring What was sent.
   * @param raw Whether frames come back as they were sent.
   * @param every One in so many messages is compared.
   * @param fail Is told what is wrong.
   */
  constructor(
    ring: FrameRing,
    raw: boolean,
    every: number,
    fail: (reason: string) => void,
  ) {
    this.#expected = raw ? ring.masked : ring.payloads;
    this.#every = every;
    this.#opcode = ring.opcode;
    this.#fail = fail;
  }

  /** What one connection's parser shows its messages to. */
  sinkOf(connection: number): Omit<PayloadSink, "control"> {
    const expected = this.#expected;
    const collected = this.#compressed;
    let message: Uint8Array = expected[0];
    const { length: size } = message;
    let deflated = false;
    let inflated: Uint8Array[] | null = null;
    return {
      wants: (number, opcode, compressed) => {
        if (opcode !== this.#opcode) {
          this.#fail(
            `a message on connection ${connection} has opcode ${opcode} ` +
              `instead of ${this.#opcode}`,
          );
        }
        deflated = compressed;
        if (compressed) {
          if (connection !== 0 || number >= inflatedMessages) return false;
          inflated = [];
          collected.push({ number, parts: inflated });
          return true;
        }
        inflated = null;
        if ((number + connection) % this.#every !== 0) return false;
        message = expected[number % expected.length];
        return true;
      },
      part: (position, chunk, start, end) => {
        if (inflated !== null) {
          inflated.push(chunk.slice(start, end));
          return;
        }
        const length = end - start;
        const same = position + length <= message.length &&
          Buffer.compare(
              chunk.subarray(start, end),
              message.subarray(position, position + length),
            ) === 0;
        if (!same) {
          this.#fail(
            `a message on connection ${connection} is not what was sent`,
          );
        } else if (position + length === message.length) {
          this.verified++;
        }
      },
      ended: (length) => {
        if (deflated || length === size) return;
        this.#fail(
          `a message on connection ${connection} has ${length} bytes ` +
            `instead of ${size}`,
        );
      },
    };
  }

  /** Inflates the messages that came compressed, and compares them. */
  inflate(): void {
    let window: Uint8Array = new Uint8Array(0);
    // The last one may not be whole.
    for (const { number, parts } of this.#compressed.slice(0, -1)) {
      const expected = this.#expected[number % this.#expected.length];
      const message = inflate(Buffer.concat(parts), window);
      if (Buffer.compare(message, expected) !== 0) {
        const other = this.#expected.findIndex((payload) =>
          Buffer.compare(message, payload) === 0
        );
        this.#fail(
          `compressed message ${number} is not what was sent, but ${
            other === -1 ? `something of ${message.length} bytes` : other
          }`,
        );
        return;
      }
      this.verified++;
      window = Buffer.concat([window, message]).subarray(-windowSize);
    }
  }
}

/** With what came before as the window, whether or not the server refers to it. */
function inflate(compressed: Uint8Array, window: Uint8Array): Uint8Array {
  const tail = new Uint8Array([0x00, 0x00, 0xff, 0xff]);
  return inflateRawSync(Buffer.concat([compressed, tail]), {
    finishFlush: syncFlush,
    ...(window.length > 0 ? { dictionary: window } : {}),
  });
}
