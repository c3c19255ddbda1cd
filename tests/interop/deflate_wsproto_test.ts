/** `wsproto`, with an inflater that tolerates nothing, and Python's zlib. */

import { test } from "node:test";
import type { DeflateOptions } from "../../mod.ts";
import { pythonCommand } from "../support/python.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  answerTo,
  backends,
  keepsContext,
  type Offer,
  prepareDeflateClient,
  prepareOffers,
} from "./deflate_interop.ts";
import {
  contextTakeovers,
  describe,
  everyWindow,
  serverWishes,
} from "./deflate_offers.ts";

const script = new URL("./deflate_wsproto_peer.py", import.meta.url);
const run = prepareDeflateClient({
  command: () => pythonCommand("wsproto", script),
});
const random = seededRandom("permessage-deflate with wsproto");
const seed = (): number => random.integer(0x100000000);
const runOffers = prepareOffers(run, (offer) => ({ offer, seed: seed() }));

/** Payloads of RFC 7692 section 7.2.3 and others like them; "Hello" comes of each. */
const helloPayloads = {
  "one block": "f248cdc9c90700",
  "a stored block": "000500faff48656c6c6f00",
  "a final block": "f348cdc9c9070000",
  "two blocks": "f248050000 00ffffcac9c90700",
  "a final stored block": "010500faff48656c6c6f00",
  "a final block before another": "f3480500 cac9c90700",
  "empty blocks before and after": "000000ffff f248cdc9c90700 0000ffff00",
};

/** What cannot be inflated, or is cut off. */
const corruptPayloads = {
  "a block type that does not exist": "ffffffff",
  "no byte at all": "",
  "a block that is cut off": "f248cd",
  "a stored block that is cut off": "000500faff4865",
  "a stored block whose length is wrong": "0005000000 48656c6c6f00",
  "a distance beyond the start": "f200110000",
  "garbage after a final block": "f348cdc9c90700ff",
  "a text that is not UTF-8": "f2f80f00",
};

const againstRsv1: Record<string, [head: number, payload: string][]> = {
  "in a continuation": [[0x41, "f248cd"], [0xc0, "c9c90700"]],
  "in a continuation of a plain message": [[0x01, "48"], [0xc0, "c9c90700"]],
  "in a ping": [[0xc9, ""]],
  "in a pong": [[0xca, ""]],
  "in a close": [[0xc8, "03e8"]],
};

test("wsproto, by default: gets varied messages back, whatever it offers", async () => {
  await runOffers(contextTakeovers.flatMap(everyWindow), { threshold: 0 });
});

for (const backend of backends) {
  const usual: DeflateOptions = { backend, threshold: 0 };
  const title = `wsproto, backend "${backend}"`;

  for (const takeover of contextTakeovers) {
    const offered = `${title}, offer ${describe(takeover)}`;

    test(`${offered}, gets varied messages back with every window`, async () => {
      await runOffers(everyWindow(takeover), usual);
    });

    test(`${offered}, cuts its blocks at random and pings between`, async () => {
      for (const level of [0, 1, 9]) {
        for (const pings of [true, false]) {
          await run({
            scenario: "cut-payloads",
            // From there pongs come between what is echoed already.
            path: pings ? "/echo" : "/incoming",
            deflate: usual,
            options: { offer: takeover, seed: seed(), level, pings },
            extensions: answerTo(takeover, usual),
          });
        }
      }
    });

    test(`${offered}, sends and gets plain messages among compressed ones`, async () => {
      for (
        const [compress, threshold, expected] of [
          ["01", 0, "01"],
          ["-", 0, keepsContext(takeover, usual) ? "1" : "-"],
          ["-011", 1024, "-011"],
          ["110-", Infinity, "1100"],
        ] as const
      ) {
        await run({
          scenario: "mixed",
          path: `/echo?compress=${compress}`,
          deflate: { backend, threshold },
          options: { offer: takeover, seed: seed(), expected },
          extensions: answerTo(takeover, usual),
        });
      }
    });

    test(`${offered}, sends every kind of block`, async () => {
      const messages = Object.values(helloPayloads).flatMap((payload) => [
        [payload, "Hello"],
        ["00", ""],
        [payload, "Hello"],
      ]);
      for (const path of ["/echo", "/incoming"]) {
        await run({
          scenario: "payloads",
          path,
          deflate: usual,
          options: { offer: takeover, messages },
          extensions: answerTo(takeover, usual),
        });
      }
    });
  }

  test(`${title}, gets the parts of an unfinished message back from /incoming`, async () => {
    for (const offer of contextTakeovers) {
      await run({
        scenario: "unfinished",
        path: "/incoming",
        deflate: usual,
        options: { offer },
        extensions: answerTo(offer, usual),
      });
    }
  });

  test(`${title}, sees 1007 before its text that is not UTF-8 has ended`, async () => {
    for (const offer of contextTakeovers) {
      await run({
        scenario: "refused-unfinished",
        deflate: usual,
        // "ed a0", the start of a surrogate, up to a sync flush.
        options: { offer, part: "7abb00000000ffff", closeCode: 1007 },
        extensions: answerTo(offer, usual),
        closed: { closeCode: 1007, wasClean: false },
      });
    }
  });

  test(`${title}, refers back over a final block within a message`, async () => {
    const alphabet = "abcdefghijklmnopqrstuvwxyz";
    await run({
      scenario: "payloads",
      deflate: usual,
      options: {
        offer: {},
        messages: [
          ["f248cdc9c90700", "Hello"],
          [
            "4b4c4a4e494d4bcfc8ccca" + "cec9cdcb2f282c2a2e29" +
            "2d2bafa8ac0200" + "32b04ac4290700",
            `${alphabet}0:${alphabet}`,
          ],
        ],
      },
      extensions: answerTo({}, usual),
    });
  });

  test(`${title}, refers to the message before`, async () => {
    await run({
      scenario: "payloads",
      deflate: usual,
      options: {
        offer: {},
        messages: [
          ["f248cdc9c90700", "Hello"],
          ["f200110000", "Hello"],
          ["00", ""],
          ["f200110000", "Hello"],
        ],
      },
      extensions: answerTo({}, usual),
    });
  });

  test(`${title}, sees the threshold kept to`, async () => {
    for (const threshold of [100, 1024, 20_000]) {
      await run({
        scenario: "threshold",
        deflate: { backend, threshold },
        options: { offer: {}, bytes_from: threshold },
        extensions: answerTo({}, usual),
      });
    }
  });

  test(`${title}, sees the server keep to its own options`, async () => {
    const offers: Offer[] = [{}, { clientMaxWindowBits: true }];
    for (const wishes of serverWishes) {
      await runOffers(offers, { ...usual, ...wishes });
    }
  });

  // Without context there is little to lose, and Node's streams are slow.
  const count = keepsContext({}, usual) ? 10_000 : 2000;
  test(`${title}, stays in step over ${count} messages, some of them plain`, async () => {
    await run({
      scenario: "conversation",
      path: "/echo?compress=-1-0-",
      deflate: { backend },
      options: { offer: {}, seed: seed(), count },
      extensions: answerTo({}, usual),
    });
  });

  test(`${title}, gets 16 MiB back that compress and that do not`, async () => {
    await run({
      scenario: "large",
      deflate: usual,
      options: { offer: {}, seed: seed() },
      extensions: answerTo({}, usual),
    });
  });

  for (const [what, payload] of Object.entries(corruptPayloads)) {
    test(`${title}, sees 1007 for ${what}`, async () => {
      for (const offer of contextTakeovers) {
        for (const split of [false, true]) {
          await run({
            scenario: "refused",
            deflate: usual,
            options: { offer, payload, split, closeCode: 1007 },
            extensions: answerTo(offer, usual),
            closed: { closeCode: 1007, wasClean: false },
          });
        }
      }
    });
  }

  for (const [where, frames] of Object.entries(againstRsv1)) {
    test(`${title}, sees 1002 for RSV1 ${where}`, async () => {
      await run({
        scenario: "refused-frames",
        deflate: usual,
        options: { offer: {}, frames, closeCode: 1002 },
        extensions: answerTo({}, usual),
        closed: { closeCode: 1002, wasClean: false },
      });
    });
  }

  for (
    const [what, details] of Object.entries({
      "of 16 MiB and a byte": { length: 16 * 1024 * 1024 + 1 },
      "of 100 MiB": { length: 100 * 1024 * 1024 },
      "of 100 MiB in many fragments": {
        length: 100 * 1024 * 1024,
        split: true,
      },
    })
  ) {
    test(`${title}, sees 1009 for a bomb ${what}`, async () => {
      await run({
        scenario: "bomb",
        deflate: usual,
        options: { offer: {}, ...details },
        extensions: answerTo({}, usual),
        closed: { closeCode: 1009, wasClean: false },
      });
    });
  }

  test(`${title}, sees 1009 before the bomb's last frame`, async () => {
    await run({
      scenario: "unfinished-bomb",
      deflate: usual,
      options: { offer: {}, length: 17 * 1024 * 1024 },
      extensions: answerTo({}, usual),
      closed: { closeCode: 1009, wasClean: false },
    });
  });
}

test("wsproto, has the first of several offers accepted that can be met", async () => {
  await run({
    scenario: "varied",
    deflate: { threshold: 0 },
    options: {
      offer: {},
      lines: [
        "permessage-deflate; server_max_window_bits=7, permessage-bzip2",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        'permessage-deflate; unknown=1 ,permessage-deflate;server_max_window_bits="10"',
        "permessage-deflate",
      ],
      seed: seed(),
    },
    extensions: answerTo({ serverMaxWindowBits: 10 }),
  });
});

test("wsproto, gets messages back if no offer can be met", async () => {
  await run({
    scenario: "varied",
    options: {
      offer: {},
      lines: ["permessage-deflate; server_max_window_bits=16"],
      seed: seed(),
    },
    extensions: "",
  });
});

test("wsproto, sees 1002 for RSV1 where the server agreed to nothing", async () => {
  await run({
    scenario: "refused-frames",
    deflate: false,
    options: { offer: {}, frames: [[0xc1, "f248cdc9c90700"]], closeCode: 1002 },
    extensions: "",
    closed: { closeCode: 1002, wasClean: false },
  });
});
