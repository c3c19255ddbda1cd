import { test } from "node:test";
import assert from "node:assert/strict";
import {
  type FrameEvent,
  FrameReader,
} from "../../autobahn/peer/frame_reader.ts";
import { writeFrame } from "../../autobahn/peer/frame_writer.ts";
import {
  concatenate,
  octetsOf,
  octetsOfHexadecimal,
  repeat,
} from "../../autobahn/peer/octets.ts";

function read(pieces: Iterable<Uint8Array>): FrameEvent[] {
  const reader = new FrameReader();
  const events: FrameEvent[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let event = reader.next(); event !== null; event = reader.next()) {
      events.push(event);
    }
  }
  return events;
}

/** The events of a stream, with each frame's payload in one piece. */
function framesOf(events: FrameEvent[]): unknown[] {
  const frames: unknown[] = [];
  let pieces: Uint8Array[] = [];
  for (const event of events) {
    if (event.type === "header") {
      pieces = [];
    } else if (event.type === "payload") {
      pieces.push(event.octets);
    } else {
      const { opcode, fin, rsv, length, minimal } = event.header;
      const payload = [...concatenate(pieces)];
      frames.push({ opcode, fin, rsv, length, minimal, payload });
    }
  }
  return frames;
}

const maskingKey = octetsOfHexadecimal("01020304");
const stream = concatenate([
  writeFrame({ opcode: 1, payload: octetsOf("Hello"), maskingKey }),
  writeFrame({ opcode: 2, fin: false, rsv: 5 }),
  writeFrame({ opcode: 0, payload: repeat(octetsOf("ab"), 300), maskingKey }),
  writeFrame({ opcode: 9, payload: repeat(octetsOf("ping"), 126) }),
  writeFrame({ opcode: 15, payload: repeat(octetsOf("x"), 65_536) }),
  writeFrame({ opcode: 8 }),
]);

test("frame_reader: however octets are divided, the frames are the same", () => {
  const whole = framesOf(read([stream]));
  assert.deepEqual(
    whole.map((frame) => {
      const { opcode, fin, rsv, length } = frame as Record<string, unknown>;
      return [opcode, fin, rsv, length];
    }),
    [
      [1, true, 0, 5],
      [2, false, 5, 0],
      [0, true, 0, 300],
      [9, true, 0, 126],
      [15, true, 0, 65_536],
      [8, true, 0, 0],
    ],
  );
  for (const size of [1, 2, 3, 7, 64, 1000]) {
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < stream.length; start += size) {
      pieces.push(stream.subarray(start, start + size));
    }
    assert.deepEqual(framesOf(read(pieces)), whole, `pieces of ${size}`);
  }
});

test("frame_reader: payload is handed out before the frame is complete", () => {
  const frame = writeFrame({
    opcode: 1,
    payload: octetsOf("early"),
    maskingKey,
  });
  const events = read([frame.subarray(0, 8)]);
  assert.equal(events.length, 2);
  assert.equal(events[1].type, "payload");
  assert.deepEqual(
    events[1].type === "payload" && events[1].octets,
    octetsOf("ea"),
  );
});

test("frame_reader: what was pushed is not changed by unmasking", () => {
  const frame = writeFrame({
    opcode: 1,
    payload: octetsOf("keep"),
    maskingKey,
  });
  const before = frame.slice();
  read([frame]);
  assert.deepEqual(frame, before);
});

test("frame_reader: a length in more octets than needed is noticed", () => {
  const minimal = (digits: string) => {
    const [event] = read([octetsOfHexadecimal(digits)]);
    return event.type === "header" && event.header.minimal;
  };
  assert.equal(minimal("827e007d"), false);
  assert.equal(minimal("827e007e"), true);
  assert.equal(minimal("827f000000000000ffff"), false);
  assert.equal(minimal("827f0000000000010000"), true);
});
