/** 4: opcodes that mean nothing yet. */
import type { Case } from "../case.ts";
import { octetsOf } from "../peer/octets.ts";
import {
  atOnce,
  frameCase,
  octetWise,
  protocolError,
  textMessage,
} from "./frame_case.ts";

const kinds = [
  { section: "4.1", name: "data", first: 3 },
  { section: "4.2", name: "control", first: 11 },
];

function casesFrom(section: string, name: string, first: number): Case[] {
  const alone = ["", "reserved opcode payload"].map((payload, index) => {
    const opcode = first + index;
    return frameCase({
      id: `${section}.${index + 1}`,
      description: `Sends a frame with the reserved ${name} opcode ${opcode}` +
        ` ${payload === "" ? "without" : "and"} payload.`,
      expectation: "The connection is failed at once with 1002.",
      frames: [{ opcode, payload: octetsOf(payload) }],
      expected: [],
      close: protocolError,
      killAfter: 1,
    });
  });
  const second = [
    { payload: "", pace: atOnce },
    { payload: "Hello, world!", pace: atOnce },
    { payload: "Hello, world!", pace: octetWise },
  ].map(({ payload, pace }, index) => {
    const opcode = first + 2 + index;
    return frameCase({
      id: `${section}.${index + 3}`,
      description: `Sends a text message, a frame with the reserved ${name} ` +
        `opcode ${opcode} ${payload === "" ? "without" : "and"} payload, ` +
        `and a ping${pace === octetWise ? ", octet by octet" : ""}.`,
      expectation: "The message comes back, then the connection is failed " +
        "at once with 1002. No pong comes.",
      frames: [
        { opcode: 1, payload: octetsOf("Hello, world!"), ...pace },
        { opcode, payload: octetsOf(payload), ...pace },
        { opcode: 9, ...pace },
      ],
      expected: [textMessage("Hello, world!")],
      nonStrict: [],
      close: protocolError,
      killAfter: 1,
    });
  });
  return [...alone, ...second];
}

/** 4.1.1 to 4.2.5. */
export const opcodeCases: readonly Case[] = kinds.flatMap((
  { section, name, first },
) => casesFrom(section, name, first));
