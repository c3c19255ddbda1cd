/** A raw client that speaks permessage-deflate with zlib, message by message. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, inflateRawSync } from "node:zlib";
import { concatBytes } from "../support/frames.ts";
import { frame, opcodes, type RawClient } from "../support/raw_client.ts";
import { syncFlushed } from "./backends.ts";

/** RSV1, as the raw client wants it. */
export const rsv1 = 4;

/** A message that was received. */
export interface ReceivedMessage {
  readonly opcode: number;
  readonly compressed: boolean;
  readonly frames: number;
  readonly payload: Uint8Array;
  /** The pongs that came between its frames. */
  readonly pongs: number;
}

/** Neither direction keeps a window, so that each message stands alone. */
export const contextFree =
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/** Connects to a server of the tests and offers permessage-deflate. */
export async function openCompressing(
  server: { connect(): Promise<RawClient> },
  { path = "/", offer = contextFree }: { path?: string; offer?: string } = {},
): Promise<RawClient> {
  const client = await server.connect();
  const response = await client.upgrade({
    path,
    headers: { "Sec-WebSocket-Extensions": offer },
  });
  assert.match(
    response.header("sec-websocket-extensions") ?? "none",
    /^permessage-deflate/,
  );
  return client;
}

/** A compressed message's frames: one, or as many fragments as asked for. */
export function compressedFrames(
  opcode: number,
  message: string | Uint8Array,
  fragments = 1,
): Buffer {
  return fragmented(opcode, syncFlushed(message), fragments);
}

/** A compressed payload's frames. */
export function fragmented(
  opcode: number,
  payload: Uint8Array,
  fragments: number,
): Buffer {
  const size = Math.max(1, Math.ceil(payload.length / fragments));
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += size) {
    frames.push(
      frame(at === 0 ? opcode : 0, payload.subarray(at, at + size), {
        fin: at + size >= payload.length,
        reserved: at === 0 ? rsv1 : 0,
      }),
    );
  }
  return Buffer.concat(frames);
}

/** Reads one message and inflates it. */
export async function readMessage(
  client: RawClient,
): Promise<ReceivedMessage> {
  const parts: Uint8Array[] = [];
  let opcode = 0;
  let compressed = false;
  let pongs = 0;
  while (true) {
    const { fin, reserved, opcode: code, payload } = await client.frame();
    if (code === opcodes.pong) {
      pongs++;
      continue;
    }
    if (parts.length === 0) {
      assert.ok(
        code === opcodes.text || code === opcodes.binary,
        `a message begins, not opcode ${code}: ${payload.toString("latin1")}`,
      );
      opcode = code;
      compressed = reserved === rsv1;
    } else {
      assert.equal(code, opcodes.continuation);
      assert.equal(reserved, 0);
    }
    parts.push(payload);
    if (fin) break;
  }
  const joined = concatBytes(parts);
  const payload = compressed
    ? inflateRawSync(concatBytes([joined, [0, 0, 0xff, 0xff]]), {
      finishFlush: constants.Z_SYNC_FLUSH,
    })
    : joined;
  return { opcode, compressed, frames: parts.length, payload, pongs };
}

/** Reads one message, which is a text. */
export async function readText(client: RawClient): Promise<string> {
  const { opcode, payload } = await readMessage(client);
  assert.equal(opcode, opcodes.text);
  return Buffer.from(payload).toString("utf8");
}
