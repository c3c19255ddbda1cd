/** 9: large messages, many frames, small chops, and round trips. */
import type { Case, CaseRun } from "../case.ts";
import type { FuzzingPeer } from "../peer/fuzzing_peer.ts";
import { octetsOf, octetsOfHexadecimal, repeat } from "../peer/octets.ts";
import { normalClose } from "./frame_case.ts";

const kibi = 1024;
const mebi = 1024 * kibi;

/** Sizes as `64 KiB`. */
function inWords(octets: number): string {
  return octets % mebi === 0
    ? `${octets / mebi} MiB`
    : octets % kibi === 0
    ? `${octets / kibi} KiB`
    : `${octets} octets`;
}

interface Kind {
  name: "text" | "binary";
  isBinary: boolean;
  pattern: Uint8Array;
  star: Uint8Array;
}

const text: Kind = {
  name: "text",
  isBinary: false,
  pattern: octetsOf("BAsd7&jh23"),
  star: octetsOf("*"),
};
const binary: Kind = {
  name: "binary",
  isBinary: true,
  pattern: octetsOfHexadecimal("00fe23faf0"),
  star: octetsOfHexadecimal("fe"),
};

/** Sends one message and waits for one of its kind and length. */
function sizeCase(definition: {
  id: string;
  description: string;
  kind: Kind;
  length: number;
  seconds: number;
  send(peer: FuzzingPeer): void;
}): Case {
  const { id, description, kind, length, seconds, send } = definition;
  return {
    id,
    description,
    expectation: "A message of the same kind and length comes back within " +
      `${seconds} seconds, then a clean close with 1000.`,
    isMeasured: true,
    open(run: CaseRun): void {
      const { peer } = run;
      peer.wireLog.enabled = false;
      run.expectedClose = normalClose;
      run.result = "The connection was closed before a message came back.";
      run.onMessage = (payload, isBinary): void => {
        if (isBinary !== kind.isBinary) {
          run.result = `The message is ${isBinary ? "binary" : "text"}, ` +
            `not ${kind.name}.`;
        } else if (payload.length !== length) {
          run.result = `The message has ${payload.length} octets, ` +
            `not ${length}.`;
        } else {
          run.behavior = "OK";
          run.result = `A ${kind.name} message of ${length} octets came back.`;
        }
        peer.wireLog.enabled = true;
        peer.sendClose(1000);
      };
      send(peer);
      peer.closeAfter(seconds);
    },
  };
}

function largeFrameCases(section: string, kind: Kind): Case[] {
  const lengths = [
    64 * kibi,
    256 * kibi,
    1 * mebi,
    4 * mebi,
    8 * mebi,
    16 * mebi,
  ];
  return lengths.map((length, index) => {
    const hurries = kind.isBinary ? length < 8 * mebi : length < mebi;
    return sizeCase({
      id: `${section}.${index + 1}`,
      description: `Sends a ${kind.name} message of ${inWords(length)} ` +
        "in one frame.",
      kind,
      length,
      seconds: hurries ? 10 : 100,
      send: (peer) =>
        peer.sendFrame({
          opcode: kind.isBinary ? 2 : 1,
          payload: kind.pattern,
          repeatLength: length,
        }),
    });
  });
}

function fragmentCases(section: string, kind: Kind): Case[] {
  const length = 4 * mebi;
  const sizes = [
    64,
    256,
    1 * kibi,
    4 * kibi,
    16 * kibi,
    64 * kibi,
    256 * kibi,
    1 * mebi,
    4 * mebi,
  ];
  return sizes.map((fragmentSize, index) =>
    sizeCase({
      id: `${section}.${index + 1}`,
      description: `Sends a ${kind.name} message of ${inWords(length)} ` +
        `in fragments of ${inWords(fragmentSize)}.`,
      kind,
      length,
      seconds: 100,
      send: (peer) =>
        peer.sendMessage(
          // Only the first of the binary ones is not made of asterisks.
          repeat(index === 0 ? kind.star : text.star, length),
          { isBinary: kind.isBinary, fragmentSize },
        ),
    })
  );
}

function chopCases(section: string, kind: Kind): Case[] {
  const length = 1 * mebi;
  return [64, 128, 256, 512, 1024, 2048].map((chopSize, index) =>
    sizeCase({
      id: `${section}.${index + 1}`,
      description: `Sends a ${kind.name} message of ${inWords(length)} ` +
        `in one frame, in chops of ${chopSize} octets.`,
      kind,
      length,
      seconds: 1000,
      send: (peer) =>
        peer.sendFrame({
          opcode: kind.isBinary ? 2 : 1,
          payload: kind.pattern,
          repeatLength: length,
          chopSize,
        }),
    })
  );
}

const roundTrips = [
  { length: 0, seconds: 60 },
  { length: 16, seconds: 60 },
  { length: 64, seconds: 60 },
  { length: 256, seconds: 120 },
  { length: 1024, seconds: 240 },
  { length: 4096, seconds: 480 },
];

function roundTripCases(section: string, kind: Kind): Case[] {
  const times = 1000;
  return roundTrips.map(({ length, seconds }, index): Case => ({
    id: `${section}.${index + 1}`,
    description: `Sends ${times} ${kind.name} messages of ${length} octets, ` +
      "each when the last one has come back.",
    expectation: `All come back within ${seconds} seconds, then a clean ` +
      "close with 1000.",
    isMeasured: true,
    open(run: CaseRun): void {
      const { peer } = run;
      let sent = 0;
      const sendOne = (): void => {
        sent++;
        peer.sendFrame({
          opcode: kind.isBinary ? 2 : 1,
          payload: kind.star,
          repeatLength: length,
        });
      };
      const finish = (): void => {
        peer.wireLog.enable(true);
        peer.sendClose(1000);
      };
      peer.wireLog.enable(false);
      run.expectedClose = normalClose;
      run.result = "The connection was closed before all messages came back.";
      run.onMessage = (payload, isBinary): void => {
        if (isBinary !== kind.isBinary || payload.length !== length) {
          run.behavior = "FAILED";
          run.result = `A ${isBinary ? "binary" : "text"} message of ` +
            `${payload.length} octets came back.`;
          finish();
        } else if (sent < times) {
          sendOne();
        } else {
          run.behavior = "OK";
          run.result = `All ${times} messages came back in time.`;
          finish();
        }
      };
      peer.closeAfter(seconds);
      sendOne();
    },
  }));
}

/** 9.1.1 to 9.8.6. */
export const limitCases: readonly Case[] = [
  ...largeFrameCases("9.1", text),
  ...largeFrameCases("9.2", binary),
  ...fragmentCases("9.3", text),
  ...fragmentCases("9.4", binary),
  ...chopCases("9.5", text),
  ...chopCases("9.6", binary),
  ...roundTripCases("9.7", text),
  ...roundTripCases("9.8", binary),
];
