/** 2: pings and pongs. */
import type { Case } from "../case.ts";
import { octetsOf, octetsOfHexadecimal, repeat } from "../peer/octets.ts";
import {
  atOnce,
  frameCase,
  normalClose,
  octetWise,
  type Pace,
  pong,
  protocolError,
} from "./frame_case.ts";

const longest = repeat(octetsOfHexadecimal("fe"), 125);
const answered = "A pong with the same payload, then a clean close with 1000.";

function pingCase(
  id: string,
  what: string,
  payload: Uint8Array,
  pace: Pace = atOnce,
  closeAfter = 1,
): Case {
  return frameCase({
    id,
    description: `Sends a ping ${what}.`,
    expectation: answered,
    frames: [{ opcode: 9, payload, ...pace }],
    expected: [["pong", payload]],
    close: normalClose,
    closeAfter,
  });
}

function unsolicitedPongCase(id: string, what: string, payload: string): Case {
  return {
    id,
    description: `Sends a pong ${what} that no ping asked for, then closes.`,
    expectation: "Nothing comes back but a clean close with 1000.",
    open(run): void {
      run.expected.OK = [];
      run.expectedClose = normalClose;
      run.peer.sendFrame({ opcode: 10, payload: octetsOf(payload) });
      run.peer.sendClose(1000);
      run.peer.closeAfter(1);
    },
  };
}

function tenPingsCase(id: string, how: string, pace: Pace): Case {
  const payloads = Array.from({ length: 10 }, (_, index) => `payload-${index}`);
  return frameCase({
    id,
    description: `Sends 10 pings with different payloads${how}.`,
    expectation: "10 pongs with these payloads in order, then a clean close " +
      "with 1000.\nRFC 6455 would allow to answer only the last one; " +
      "this is checked nevertheless.",
    frames: payloads.map((payload) => ({
      opcode: 9,
      payload: octetsOf(payload),
      ...pace,
    })),
    expected: payloads.map(pong),
    close: normalClose,
    closeAfter: 3,
  });
}

/** 2.1 to 2.11. */
export const pingCases: readonly Case[] = [
  pingCase("2.1", "without payload", new Uint8Array(0)),
  pingCase("2.2", "with some text", octetsOf("Hello, world!")),
  pingCase(
    "2.3",
    "with 8 octets that are not UTF-8",
    octetsOfHexadecimal("00fffefdfcfb00ff"),
  ),
  pingCase("2.4", "with 125 octets, the most there can be", longest),
  frameCase({
    id: "2.5",
    description: "Sends a ping with 126 octets, one too many.",
    expectation: "The connection is failed at once with 1002.",
    frames: [{
      opcode: 9,
      payload: repeat(octetsOfHexadecimal("fe"), 126),
    }],
    expected: [],
    close: protocolError,
    killAfter: 1,
  }),
  pingCase("2.6", "with 125 octets, octet by octet", longest, octetWise, 2),
  unsolicitedPongCase("2.7", "without payload", ""),
  unsolicitedPongCase("2.8", "with payload", "unsolicited pong payload"),
  frameCase({
    id: "2.9",
    description: "Sends a pong that no ping asked for, then a ping.",
    expectation: "Nothing for the pong, and a pong with the ping's payload, " +
      "then a clean close with 1000.",
    frames: [
      { opcode: 10, payload: octetsOf("unsolicited pong payload") },
      { opcode: 9, payload: octetsOf("ping payload") },
    ],
    expected: [pong("ping payload")],
    close: normalClose,
    closeAfter: 1,
  }),
  tenPingsCase("2.10", "", atOnce),
  tenPingsCase("2.11", ", octet by octet", octetWise),
];
