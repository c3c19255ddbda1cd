/** What is offered, and what the server is told, in the tests of permessage-deflate. */

import type { DeflateOptions } from "../../mod.ts";
import type { Offer } from "./deflate_interop.ts";

/** Every combination of context takeover. */
export const contextTakeovers: readonly Offer[] = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
];

/** Combinations of windows. No client here can compress with 8 bits: zlib cannot. */
const windowBits: readonly Offer[] = [undefined, 8, 9, 12, 15].flatMap(
  (server) =>
    ([undefined, true, 9, 12, 15] as const).map((client): Offer => ({
      ...server === undefined ? {} : { serverMaxWindowBits: server },
      ...client === undefined ? {} : { clientMaxWindowBits: client },
    })),
);

/** Offers of one context takeover, with every combination of windows. */
export function everyWindow(takeover: Offer): Offer[] {
  return windowBits.map((windows) => ({ ...takeover, ...windows }));
}

/** What a server may ask for without having been offered it. */
export const serverWishes: readonly DeflateOptions[] = [
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverMaxWindowBits: 8 },
  { serverMaxWindowBits: 10, serverNoContextTakeover: true },
  { clientMaxWindowBits: 9 },
  { clientMaxWindowBits: 11, clientNoContextTakeover: true },
  { level: 0 },
  { level: 9, memLevel: 1, serverMaxWindowBits: 14 },
];

/** An offer in words, for a test's name. */
export function describe(offer: Offer): string {
  const words = Object.entries(offer).map(([name, value]) =>
    value === true ? name : `${name} ${value}`
  );
  return words.length === 0 ? "of no parameter" : `of ${words.join(" and ")}`;
}
