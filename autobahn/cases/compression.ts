/**
 * The cases of permessage-deflate: 12.* send different payloads with the
 * default offer, 13.* the same payload with different offers. Each sends one
 * message after the other, and the other end has to echo it.
 */

import type { Case, CaseRun } from "../case.ts";
import { answerDeflate, offerDeflate } from "../peer/deflate.ts";
import {
  type DeflateAccept,
  type DeflateAcceptance,
  type DeflateOffer,
  deflateOffer,
} from "../peer/deflate_negotiation.ts";
import { sameOctets } from "../peer/octets.ts";
import { type PayloadData, payloadData } from "./payload_data.ts";

/** How many messages each case sends. */
const messageCount = 1000;

/** The nth case of each subcategory. */
interface Size {
  /** Octets in a message if it is binary, else characters. */
  length: number;
  /** How long the case may take, in seconds. */
  timeout: number;
  /** The most octets in a frame; 0 for one frame a message. */
  fragmentSize: number;
}

function sizeOf(length: number, timeout: number, fragmentSize = 0): Size {
  return { length, timeout, fragmentSize };
}

const sizes: readonly Size[] = [
  sizeOf(16, 60),
  sizeOf(64, 60),
  sizeOf(256, 120),
  sizeOf(1024, 240),
  sizeOf(4096, 480),
  sizeOf(8192, 480),
  sizeOf(16384, 480),
  sizeOf(32768, 480),
  sizeOf(65536, 480),
  sizeOf(131072, 480),
  sizeOf(8192, 480, 256),
  sizeOf(16384, 480, 256),
  sizeOf(32768, 480, 256),
  sizeOf(65536, 480, 256),
  sizeOf(131072, 480, 256),
  sizeOf(131072, 480, 1024),
  sizeOf(131072, 480, 4096),
  sizeOf(131072, 480, 32768),
];

/** What both ends do in the opening handshake of a subcategory. */
interface Negotiation {
  /** What the fuzzing client offers. */
  offers: readonly DeflateOffer[];
  /** What the fuzzing server imposes: the first that an offer allows. */
  imposes: readonly Pick<
    DeflateAcceptance,
    "requestNoContextTakeover" | "requestMaxWindowBits"
  >[];
}

/** The same for both ends: a way to ask for less memory. */
function negotiate(
  ...requests: readonly [noContextTakeover: boolean, maxWindowBits: number][]
): Negotiation {
  const asked = requests.map(([noContextTakeover, maxWindowBits]) => ({
    requestNoContextTakeover: noContextTakeover,
    requestMaxWindowBits: maxWindowBits,
  }));
  return { offers: asked.map(deflateOffer), imposes: asked };
}

const defaultNegotiation = negotiate([false, 0]);

const negotiations: readonly Negotiation[] = [
  defaultNegotiation,
  negotiate([true, 0]),
  negotiate([false, 9]),
  negotiate([false, 15]),
  negotiate([true, 9]),
  negotiate([true, 15]),
  negotiate([true, 9], [true, 0], [false, 0]),
];

function acceptWith(negotiation: Negotiation): DeflateAccept {
  return (offers) => {
    for (const imposed of negotiation.imposes) {
      const offer = offers.find((offer) =>
        (offer.acceptNoContextTakeover || !imposed.requestNoContextTakeover) &&
        (offer.acceptMaxWindowBits || imposed.requestMaxWindowBits === 0)
      );
      if (offer !== undefined) return { offer, ...imposed };
    }
    return null;
  };
}

/** What one end asks of the other, in words. */
function describe(
  requests: Negotiation["imposes"],
  other: "client" | "server",
): string {
  return requests.map((request) => {
    const words: string[] = [];
    if (request.requestNoContextTakeover) {
      words.push(`${other}_no_context_takeover`);
    }
    if (request.requestMaxWindowBits !== 0) {
      words.push(`${other}_max_window_bits=${request.requestMaxWindowBits}`);
    }
    return words.join(" and ") || "nothing";
  }).join(", else ");
}

function describeNegotiation({ offers, imposes }: Negotiation): string {
  return `client asks for ${describe(offers, "server")}; ` +
    `server imposes ${describe(imposes, "client")}`;
}

function describePayload({ description, isBinary, size }: PayloadData): string {
  return `${description} (${isBinary ? "binary" : "text"}, ${size} octets)`;
}

/** Says what is wrong with an echo; null if nothing is. */
function findDifference(
  sent: Uint8Array,
  received: Uint8Array,
  wasBinary: boolean,
  isBinary: boolean,
): string | null {
  const type = (binary: boolean): string => binary ? "binary" : "text";
  if (isBinary !== wasBinary) {
    return `The echo is ${type(isBinary)}, the message was ${type(wasBinary)}.`;
  }
  if (received.byteLength !== sent.byteLength) {
    return `The echo has ${received.byteLength} octets, the message had ` +
      `${sent.byteLength}.`;
  }
  return sameOctets(sent, received)
    ? null
    : "The echo is as long as the message, but its octets differ.";
}

function run(
  run: CaseRun,
  payload: PayloadData,
  { length, timeout, fragmentSize }: Size,
): void {
  const { peer } = run;
  const { isBinary } = payload;
  run.expectedClose = {
    closedByMe: true,
    closeCode: [1000],
    requireClean: true,
  };
  peer.wireLog.enable(false);
  peer.autoFragmentSize = fragmentSize;
  if (!peer.isCompressed) {
    run.behavior = "UNIMPLEMENTED";
    run.result = "The other end did not agree on permessage-deflate.";
    peer.sendClose(1000);
    return;
  }
  run.result = "The connection ended before all echoes had come.";
  peer.closeAfter(timeout);

  let position = 0;
  let count = 0;
  let sent: Uint8Array;
  const sendNext = (): void => {
    const end = (position + length) % payload.length;
    sent = payload.slice(position, end);
    position = end;
    count++;
    peer.sendMessage(sent, { isBinary });
  };
  const finish = (behavior: "OK" | "FAILED", result: string): void => {
    run.behavior = behavior;
    run.result = result;
    peer.wireLog.enable(true);
    peer.sendClose(1000);
  };
  run.onMessage = (received, isEchoBinary) => {
    const difference = findDifference(sent, received, isBinary, isEchoBinary);
    if (difference !== null) {
      finish("FAILED", `Message ${count}: ${difference}`);
    } else if (count < messageCount) {
      sendNext();
    } else {
      run.trafficStatistics = peer.trafficStatistics;
      finish("OK", "All echoes came in time and are as the messages were.");
    }
  };
  sendNext();
}

/** Says so where it was the time that ran out. */
function judge(run: CaseRun, { timeout }: Size): void {
  const ranOut = run.peer.wireLog.entries.some(([type]) => type === "TIE");
  if (ranOut && run.behavior === "FAILED") {
    run.result = `The case did not finish within ${timeout} seconds.`;
  }
}

/** The cases of one subcategory, one for each size. */
function subcategory(
  id: string,
  payload: PayloadData,
  negotiation: Negotiation,
  handshake: string,
): Case[] {
  return sizes.map((size, index) => ({
    id: `${id}.${index + 1}`,
    description:
      `Sends ${messageCount} compressed messages of ${size.length} ` +
      `${payload.isBinary ? "octets" : "characters"} each, one after the ` +
      "other's echo, " +
      (size.fragmentSize === 0
        ? "unfragmented"
        : `in frames of at most ${size.fragmentSize} octets`) +
      `. ${handshake}`,
    expectation: "Each message is echoed: of the same type, with the same " +
      `octets. The case may take ${size.timeout} seconds.`,
    isMeasured: true,
    reportCompressionRatio: true,
    compression: {
      offer: () => offerDeflate(negotiation.offers),
      answer: () => answerDeflate(acceptWith(negotiation)),
    },
    open: (caseRun) => run(caseRun, payload, size),
    judge: (caseRun) => judge(caseRun, size),
  }));
}

const payloads = [
  payloadData.json,
  payloadData.bitmap,
  payloadData.verse,
  payloadData.html,
  payloadData.document,
];

/** The cases 12.1.1 to 13.7.18, in order. */
export const compressionCases: readonly Case[] = [
  ...payloads.flatMap((payload, index) =>
    subcategory(
      `12.${index + 1}`,
      payload,
      defaultNegotiation,
      "The offer of permessage-deflate is the default.",
    )
  ),
  ...negotiations.flatMap((negotiation, index) =>
    subcategory(
      `13.${index + 1}`,
      payloadData.json,
      negotiation,
      `Opening handshake: ${describeNegotiation(negotiation)}.`,
    )
  ),
];

/** The names of the subcategories `"12.1"` to `"13.7"`. */
export const compressionSubcategories: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    payloads.map((payload, index) => [
      `12.${index + 1}`,
      describePayload(payload),
    ]),
  ),
  ...Object.fromEntries(
    negotiations.map((negotiation, index) => [
      `13.${index + 1}`,
      `${describePayload(payloadData.json)}: ${
        describeNegotiation(negotiation)
      }`,
    ]),
  ),
};
