/** 1: messages in one frame, with the lengths at which framing changes. */
import type { Case } from "../case.ts";
import { octetsOf, octetsOfHexadecimal, repeat } from "../peer/octets.ts";
import { frameCase, normalClose } from "./frame_case.ts";

const kinds = [
  { section: "1.1", name: "text", opcode: 1, pattern: octetsOf("*") },
  {
    section: "1.2",
    name: "binary",
    opcode: 2,
    pattern: octetsOfHexadecimal("fe"),
  },
];

const messages: readonly { length: number; chopSize?: number }[] = [
  { length: 0 },
  { length: 125 },
  { length: 126 },
  { length: 127 },
  { length: 128 },
  { length: 65_535 },
  { length: 65_536 },
  { length: 65_536, chopSize: 997 },
];

/** 1.1.1 to 1.2.8. */
export const framingCases: readonly Case[] = kinds.flatMap((
  { section, name, opcode, pattern },
) =>
  messages.map(({ length, chopSize }, index) => {
    const payload = repeat(pattern, length);
    const chops = chopSize === undefined ? "" : `, in chops of ${chopSize}`;
    return frameCase({
      id: `${section}.${index + 1}`,
      description: `Sends a ${name} message of ${length} octets${chops}.`,
      expectation: "The same message comes back, then a clean close with 1000.",
      frames: [{ opcode, payload, chopSize }],
      expected: [["message", payload, opcode === 2]],
      close: normalClose,
      killAfter: length < 65_535 ? 1 : 10,
    });
  })
);
