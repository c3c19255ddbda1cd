/** 3: reserved bits, without an extension that would use them. */
import type { Case } from "../case.ts";
import { octetsOf, octetsOfHexadecimal } from "../peer/octets.ts";
import {
  atOnce,
  frameCase,
  frameWise,
  octetWise,
  type Pace,
  protocolError,
  textMessage,
} from "./frame_case.ts";

const hello = octetsOf("Hello, world!");

function loneFrameCase(
  id: string,
  what: string,
  frame: { opcode: number; rsv: number; payload?: Uint8Array },
): Case {
  return frameCase({
    id,
    description: `Sends ${what} with the reserved bits ${frame.rsv}.`,
    expectation: "The connection is failed at once with 1002.",
    frames: [frame],
    expected: [],
    close: protocolError,
    killAfter: 1,
  });
}

function secondFrameCase(
  id: string,
  rsv: number,
  how: string,
  pace: Pace,
): Case {
  return frameCase({
    id,
    description:
      `Sends a text message, another with the reserved bits ${rsv}, ` +
      `and a ping${how}.`,
    expectation: "The first message comes back, then the connection is " +
      "failed at once with 1002. No pong comes.",
    frames: [
      { opcode: 1, payload: hello, ...pace },
      { opcode: 1, payload: hello, rsv, ...pace },
      { opcode: 9, ...pace },
    ],
    expected: [textMessage("Hello, world!")],
    nonStrict: [],
    close: protocolError,
    killAfter: 1,
  });
}

/** 3.1 to 3.7. */
export const reservedBitsCases: readonly Case[] = [
  loneFrameCase("3.1", "a text message", { opcode: 1, rsv: 1, payload: hello }),
  secondFrameCase("3.2", 2, ", all at once", atOnce),
  secondFrameCase("3.3", 3, ", frame by frame", frameWise),
  secondFrameCase("3.4", 4, ", octet by octet", octetWise),
  loneFrameCase("3.5", "a binary message", {
    opcode: 2,
    rsv: 5,
    payload: octetsOfHexadecimal("00fffefdfcfb00ff"),
  }),
  // The reference calls this one a ping; what it sends is a binary message.
  loneFrameCase("3.6", "a binary message of text", {
    opcode: 2,
    rsv: 6,
    payload: hello,
  }),
  loneFrameCase("3.7", "a close frame", { opcode: 8, rsv: 7 }),
];
