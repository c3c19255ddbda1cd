/**
 * Runs a stage of the codec over some input, bare and as a stream, and cuts
 * bytes into chunks.
 */
import assert from "node:assert/strict";
import type { Stage } from "../../src/codec/stage.ts";
import { ProtocolError, WebSocketError } from "../../src/error.ts";
import type { Frame, OutgoingFrame } from "../../src/frame.ts";
import { toHex } from "../support/frames.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

/** What came out of a stage. */
export interface Outcome<Output> {
  /** What it put out, up to the error if there was one. */
  output: Output[];
  /** What it threw, or `null`. */
  error: unknown;
  /** How many chunks it had taken without an error. */
  taken: number;
}

/** Runs a bare stage: every chunk, then the end of the input. */
export async function runStage<Input, Output>(
  stage: Stage<Input, Output>,
  chunks: Iterable<Input>,
): Promise<Outcome<Output>> {
  const outcome: Outcome<Output> = { output: [], error: null, taken: 0 };
  const controller = collector(outcome);
  try {
    for (const chunk of chunks) {
      await stage.transform(chunk, controller);
      outcome.taken++;
    }
    await stage.flush?.(controller);
  } catch (error) {
    outcome.error = error;
  }
  return outcome;
}

/** As {@linkcode runStage}, for a stage that never waits, and so much faster. */
export function runStageSync<Input, Output>(
  stage: Stage<Input, Output>,
  chunks: Iterable<Input>,
): Outcome<Output> {
  const outcome: Outcome<Output> = { output: [], error: null, taken: 0 };
  const controller = collector(outcome);
  try {
    for (const chunk of chunks) {
      assert.equal(stage.transform(chunk, controller), undefined);
      outcome.taken++;
    }
    assert.equal(stage.flush?.(controller), undefined);
  } catch (error) {
    outcome.error = error;
  }
  return outcome;
}

/** Runs a stream: writes every chunk, closes, and reads all that comes out. */
export async function runStream<Input, Output>(
  { readable, writable }: ReadableWritablePair<Output, Input>,
  chunks: Iterable<Input>,
): Promise<Outcome<Output>> {
  const outcome: Outcome<Output> = { output: [], error: null, taken: 0 };
  const write = async () => {
    const writer = writable.getWriter();
    for (const chunk of chunks) {
      await writer.write(chunk);
      outcome.taken++;
    }
    await writer.close();
  };
  const writing = write().then(() => null, (error) => error);
  try {
    for await (const chunk of readable) outcome.output.push(chunk);
  } catch (error) {
    outcome.error = error;
  }
  const writeError = await writing;
  // Of joined streams, a later one may fail when the first has closed.
  if (writeError !== null) assert.notEqual(outcome.error, null);
  return outcome;
}

/**
 * Asserts that a stream did what the bare stage did. Where they fail, the
 * stream may have lost output: an error discards what is queued.
 */
export function assertSameOutcome(
  streamed: Outcome<unknown>,
  bare: Outcome<unknown>,
): void {
  assert.equal(describeError(streamed.error), describeError(bare.error));
  const expected = bare.error === null
    ? bare.output
    : bare.output.slice(0, streamed.output.length);
  assert.deepEqual(streamed.output, expected);
}

/** An error's class, code and text, or `"none"`. */
export function describeError(error: unknown): string {
  if (error === null) return "none";
  if (!(error instanceof WebSocketError)) return String(error);
  return `${error.constructor.name} ${error.closeCode}: ${error.message}`;
}

/** Asserts that an error is the refusal of what the peer sent. */
export function assertRefusal(
  error: unknown,
  closeCode: number,
  message: RegExp = /./,
  what?: string,
): void {
  assert.ok(
    error instanceof ProtocolError,
    `${what ?? "input"} must be refused, got ${describeError(error)}`,
  );
  assert.equal(error.closeCode, closeCode, what ?? error.message);
  assert.match(error.message, message, what ?? error.message);
  assert.equal(error.name, "WebSocketError");
  assert.equal(error.reason, error.message);
}

/** Asserts that an error says that the input was not complete. */
export function assertTruncated(error: unknown, what?: string): void {
  assert.ok(
    error instanceof WebSocketError && !(error instanceof ProtocolError),
    `${what ?? "input"} is truncated, got ${describeError(error)}`,
  );
  assert.equal(error.closeCode, 1006, what ?? error.message);
}

/** A frame in a form to compare. */
export interface PlainFrame {
  opcode: number;
  fin: boolean;
  rsv1: boolean;
  /** Hexadecimal digits. */
  payload: string;
  remaining: number;
}

/** A decoded frame in a form to compare. */
export function plainFrame(frame: Frame): PlainFrame {
  const { opcode, fin, rsv1, payload, remaining } = frame;
  return { opcode, fin, rsv1, payload: toHex(payload), remaining };
}

/**
 * Puts the parts of a frame together, so that the frames that were on the wire
 * come out however the bytes were cut. Asserts what {@linkcode Frame} promises
 * of such parts.
 */
export function joinParts(frames: readonly Frame[]): PlainFrame[] {
  const joined: PlainFrame[] = [];
  let open: PlainFrame | null = null;
  for (const frame of frames) {
    const part = plainFrame(frame);
    if (part.remaining > 0) {
      assert.equal(part.fin, false, "only the last part may have fin");
      assert.ok(part.opcode < 8, "a control frame is whole");
    }
    if (open === null) {
      joined.push(part);
      open = part.remaining > 0 ? part : null;
      continue;
    }
    assert.equal(part.opcode, 0, "a later part is a continuation");
    assert.equal(part.rsv1, false, "a later part has no RSV1");
    assert.equal(part.remaining, open.remaining - frame.payload.length);
    open.payload += part.payload;
    open.fin = part.fin;
    open.remaining = part.remaining;
    if (part.remaining === 0) open = null;
  }
  return joined;
}

/** A frame that a frame encoder takes, written short. */
export function outgoing(
  opcode: number,
  payload: Uint8Array | string = "",
  { fin = true, rsv1 = false }: { fin?: boolean; rsv1?: boolean } = {},
): OutgoingFrame {
  return { opcode: opcode as OutgoingFrame["opcode"], fin, rsv1, payload };
}

/** Cuts bytes at the positions into chunks that each own their buffer. */
export function cutAt(
  bytes: Uint8Array,
  positions: readonly number[],
): Uint8Array<ArrayBuffer>[] {
  const ends = [...positions, bytes.length];
  return ends.map((end, index) =>
    new Uint8Array(bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
  );
}

/** Cuts bytes into chunks of `size`. */
export function cutEvery(
  bytes: Uint8Array,
  size: number,
): Uint8Array<ArrayBuffer>[] {
  const positions: number[] = [];
  for (let at = size; at < bytes.length; at += size) positions.push(at);
  return cutAt(bytes, positions);
}

/** Cuts bytes into chunks of 0 up to `limit` - 1 bytes. */
export function cutRandomly(
  bytes: Uint8Array,
  random: SeededRandom,
  limit: number,
): Uint8Array<ArrayBuffer>[] {
  const positions: number[] = [];
  let at = random.integer(limit);
  while (at < bytes.length) {
    positions.push(at);
    at += random.integer(limit);
  }
  return cutAt(bytes, positions);
}

/**
 * All the ways a test cuts bytes: in one piece, in two at every position, byte
 * by byte, in chunks of a few bytes, and at random.
 */
export function* everyCut(
  bytes: Uint8Array,
  random: SeededRandom,
): Generator<Uint8Array<ArrayBuffer>[]> {
  for (let at = 0; at <= bytes.length; at++) yield cutAt(bytes, [at]);
  for (const size of [1, 2, 3, 5, 7]) yield cutEvery(bytes, size);
  for (let round = 0; round < 8; round++) {
    yield cutRandomly(bytes, random, 2 + random.integer(12));
  }
}

function collector<Output>(outcome: Outcome<Output>) {
  return {
    enqueue(chunk: Output): void {
      outcome.output.push(chunk);
    },
    error(reason: unknown): void {
      throw reason;
    },
  };
}
