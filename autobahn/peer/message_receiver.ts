/** Puts the data frames that come in together to messages. */
import type { MessageCompression } from "./compression.ts";
import type { FrameHeader } from "./frame_reader.ts";
import { concatenate } from "./octets.ts";
import type { TrafficCounter } from "./traffic_statistics.ts";
import { Utf8Validator } from "./utf8_validator.ts";

/** Who is told of messages, and of payload that is none. */
export interface MessageListener {
  /** A message is complete. */
  message(payload: Uint8Array, isBinary: boolean): void;
  /**
   * The payload is not UTF-8: told of each piece that comes from there on, and
   * once more at the message's end.
   */
  invalidPayload(reason: string): void;
  /** The payload cannot be decompressed. */
  undecompressible(reason: string): void;
}

/** Assembles, validates and decompresses the messages of one connection. */
export class MessageReceiver {
  #listener: MessageListener;
  #traffic: TrafficCounter;
  #compression: MessageCompression | null = null;
  #insideMessage = false;
  #isBinary = false;
  #isCompressed = false;
  #validator: Utf8Validator | null = null;
  #isInvalid = false;
  #pieces: Uint8Array[] = [];

  constructor(listener: MessageListener, traffic: TrafficCounter) {
    this.#listener = listener;
    this.#traffic = traffic;
  }

  /** Whether the last data frame's message goes on. */
  get insideMessage(): boolean {
    return this.#insideMessage;
  }

  /** Uses `compression` for messages that come with RSV1 set. */
  use(compression: MessageCompression): void {
    this.#compression = compression;
  }

  /** A data frame begins. */
  frameBegins(header: FrameHeader): void {
    if (!this.#insideMessage) {
      this.#insideMessage = true;
      this.#isBinary = header.opcode === 2;
      this.#isCompressed = this.#compression !== null && header.rsv === 4;
      this.#validator = header.opcode === 1 ? new Utf8Validator() : null;
      this.#isInvalid = false;
      this.#pieces = [];
    }
  }

  /** A piece of its payload has come. */
  framePayload(octets: Uint8Array): void {
    this.#traffic.incomingOctetsWebSocketLevel += octets.length;
    if (!this.#isCompressed) {
      this.#traffic.incomingOctetsAppLevel += octets.length;
      this.#validate(octets);
    }
    this.#pieces.push(octets);
  }

  /**
   * It is complete.
   *
   * @returns A promise if the message it ends is still being decompressed.
   * Nothing more may come before that has settled. It never rejects.
   */
  frameEnds(header: FrameHeader): void | Promise<void> {
    this.#traffic.incomingWebSocketFrames++;
    if (!header.fin) {
      return;
    }
    this.#insideMessage = false;
    this.#traffic.incomingWebSocketMessages++;
    const payload = concatenate(this.#pieces);
    this.#pieces = [];
    if (this.#compression === null || !this.#isCompressed) {
      this.#deliver(payload);
      return;
    }
    try {
      const message = this.#compression.decompress(payload);
      if (message instanceof Uint8Array) {
        this.#decompressed(message);
        return;
      }
      return message.then(
        (message) => this.#decompressed(message),
        (error) => this.#undecompressible(error),
      );
    } catch (error) {
      this.#undecompressible(error);
    }
  }

  #decompressed(message: Uint8Array): void {
    this.#traffic.incomingOctetsAppLevel += message.length;
    this.#validate(message);
    this.#deliver(message);
  }

  #undecompressible(error: unknown): void {
    this.#listener.undecompressible(
      `a message cannot be decompressed: ${
        error instanceof Error ? error.message : error
      }`,
    );
  }

  #validate(octets: Uint8Array): void {
    if (this.#validator === null) return;
    this.#isInvalid ||= !this.#validator.push(octets);
    if (this.#isInvalid) this.#listener.invalidPayload("the text is not UTF-8");
  }

  #deliver(payload: Uint8Array): void {
    if (
      this.#validator !== null && (this.#isInvalid || !this.#validator.end())
    ) {
      this.#listener.invalidPayload("the text ends within a code point");
    }
    this.#listener.message(payload, this.#isBinary);
  }
}
