import assert from "node:assert/strict";
import { test } from "node:test";

import type {
  DeflateCapabilities,
  DeflateParameters,
} from "../../src/deflate/negotiation/agreement.ts";
import {
  checkResponse,
  createOffers,
} from "../../src/deflate/negotiation/client.ts";
import { acceptOffer } from "../../src/deflate/negotiation/server.ts";
import {
  type DeflateOptions,
  type ResolvedDeflateOptions,
  resolveDeflateOptions,
} from "../../src/deflate/options.ts";
import { WebSocketError } from "../../src/error.ts";
import {
  type ExtensionOffer,
  type ExtensionParameter,
  formatExtensions,
  parseExtensions,
} from "../../src/handshake/extension_header.ts";
import { seededRandom } from "../support/seeded_random.ts";

/** Standard streams of a runtime on which they keep no context. */
const contextless: DeflateCapabilities = {
  outboundContextTakeover: false,
  inboundContextTakeover: false,
  minOutboundWindowBits: 15,
};
/** Standard streams of a runtime on which they keep context both ways. */
const contextual: DeflateCapabilities = {
  outboundContextTakeover: true,
  inboundContextTakeover: true,
  minOutboundWindowBits: 15,
};
const zlib: DeflateCapabilities = {
  outboundContextTakeover: true,
  inboundContextTakeover: true,
  minOutboundWindowBits: 8,
};
const zlibWithout8: DeflateCapabilities = { ...zlib, minOutboundWindowBits: 9 };

function resolve(options: DeflateOptions = {}): ResolvedDeflateOptions {
  const resolved = resolveDeflateOptions(options);
  assert(resolved !== null);
  return resolved;
}

function parse(header: string): ExtensionOffer[] {
  return header === "" ? [] : parseExtensions(header);
}

/** The four parameters in short. */
function agreed(
  serverNoContextTakeover: boolean,
  clientNoContextTakeover: boolean,
  serverMaxWindowBits: number,
  clientMaxWindowBits: number,
): DeflateParameters {
  return {
    serverNoContextTakeover,
    clientNoContextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits,
  };
}

// The server's side.

interface ServerCase {
  offer: string;
  /** The backend is the standard one where they say nothing of it. */
  options?: DeflateOptions;
  standard?: DeflateCapabilities;
  zlib?: DeflateCapabilities;
  /** The response's header, and `"standard"` or `"zlib"`; `null` for none. */
  expected: [response: string, backend: string, DeflateParameters] | null;
}

const takeover = { backend: "zlib" } satisfies DeflateOptions;
const neither =
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

const serverCases: ServerCase[] = [
  // RFC 7692 section 7.1.3.
  {
    offer: "permessage-deflate",
    options: takeover,
    expected: ["permessage-deflate", "zlib", agreed(false, false, 15, 15)],
  },
  {
    offer: "permessage-deflate; client_max_window_bits; " +
      "server_max_window_bits=10",
    expected: [
      "permessage-deflate; server_max_window_bits=10",
      "zlib",
      agreed(false, false, 10, 15),
    ],
  },
  {
    offer: "permessage-deflate; client_max_window_bits; " +
      "server_max_window_bits=10, permessage-deflate; client_max_window_bits",
    expected: [
      "permessage-deflate; server_max_window_bits=10",
      "zlib",
      agreed(false, false, 10, 15),
    ],
  },
  // The same where no backend can limit its window: the fallback is taken.
  {
    offer: "permessage-deflate; client_max_window_bits; " +
      "server_max_window_bits=10, permessage-deflate; client_max_window_bits",
    options: takeover,
    zlib: contextual,
    expected: ["permessage-deflate", "zlib", agreed(false, false, 15, 15)],
  },
  // Section 5.2: a quoted value is the same as one that is not.
  {
    offer: 'permessage-deflate; server_max_window_bits="10"',
    expected: [
      "permessage-deflate; server_max_window_bits=10",
      "zlib",
      agreed(false, false, 10, 15),
    ],
  },
  // What Chromium and ws offer, and what Firefox does.
  {
    offer: "permessage-deflate; client_max_window_bits",
    expected: [neither, "standard", agreed(true, true, 15, 15)],
  },
  {
    offer: "permessage-deflate",
    expected: [neither, "standard", agreed(true, true, 15, 15)],
  },
  {
    offer: "permessage-deflate",
    standard: contextual,
    expected: ["permessage-deflate", "standard", agreed(false, false, 15, 15)],
  },
  {
    offer: "permessage-deflate",
    standard: { ...contextual, outboundContextTakeover: false },
    expected: [
      "permessage-deflate; server_no_context_takeover",
      "standard",
      agreed(true, false, 15, 15),
    ],
  },
  {
    offer: "permessage-deflate",
    standard: { ...contextual, inboundContextTakeover: false },
    expected: [
      "permessage-deflate; client_no_context_takeover",
      "standard",
      agreed(false, true, 15, 15),
    ],
  },
  // No context takeover, by the client's wish and by the server's.
  {
    offer: "permessage-deflate; server_no_context_takeover",
    standard: contextual,
    expected: [
      "permessage-deflate; server_no_context_takeover",
      "standard",
      agreed(true, false, 15, 15),
    ],
  },
  {
    offer: "permessage-deflate; client_no_context_takeover",
    options: takeover,
    expected: [
      "permessage-deflate; client_no_context_takeover",
      "zlib",
      agreed(false, true, 15, 15),
    ],
  },
  {
    offer: "permessage-deflate",
    options: { ...takeover, serverNoContextTakeover: true },
    expected: [
      "permessage-deflate; server_no_context_takeover",
      "zlib",
      agreed(true, false, 15, 15),
    ],
  },
  {
    offer: "permessage-deflate",
    options: { ...takeover, clientNoContextTakeover: true },
    expected: [
      "permessage-deflate; client_no_context_takeover",
      "zlib",
      agreed(false, true, 15, 15),
    ],
  },
  // The server's window: repeated even where it is 15, lowered, or unasked.
  {
    offer: "permessage-deflate; server_max_window_bits=15",
    standard: contextual,
    expected: [
      "permessage-deflate; server_max_window_bits=15",
      "standard",
      agreed(false, false, 15, 15),
    ],
  },
  {
    offer: "permessage-deflate; server_max_window_bits=12",
    options: { serverMaxWindowBits: 9 },
    expected: [
      "permessage-deflate; server_max_window_bits=9",
      "zlib",
      agreed(false, false, 9, 15),
    ],
  },
  {
    offer: "permessage-deflate; server_max_window_bits=9",
    options: { serverMaxWindowBits: 12 },
    expected: [
      "permessage-deflate; server_max_window_bits=9",
      "zlib",
      agreed(false, false, 9, 15),
    ],
  },
  {
    offer: "permessage-deflate",
    options: { serverMaxWindowBits: 11 },
    expected: [
      "permessage-deflate; server_max_window_bits=11",
      "zlib",
      agreed(false, false, 11, 15),
    ],
  },
  // 8 bits, with a zlib that stays within 256 bytes and with one that does not.
  {
    offer: "permessage-deflate; server_max_window_bits=8",
    expected: [
      "permessage-deflate; server_max_window_bits=8",
      "zlib",
      agreed(false, false, 8, 15),
    ],
  },
  {
    offer: "permessage-deflate; server_max_window_bits=8",
    zlib: zlibWithout8,
    expected: null,
  },
  {
    offer: "permessage-deflate; server_max_window_bits=8, " +
      "permessage-deflate; server_max_window_bits=9",
    zlib: zlibWithout8,
    expected: [
      "permessage-deflate; server_max_window_bits=9",
      "zlib",
      agreed(false, false, 9, 15),
    ],
  },
  {
    offer: "permessage-deflate; server_max_window_bits=15",
    options: { serverMaxWindowBits: 8 },
    zlib: zlibWithout8,
    expected: null,
  },
  // The client's window: a wish of the server only where the client offers it.
  {
    offer: "permessage-deflate; client_max_window_bits=10",
    expected: [
      `${neither}; client_max_window_bits=10`,
      "standard",
      agreed(true, true, 15, 10),
    ],
  },
  {
    offer: "permessage-deflate; client_max_window_bits=8",
    zlib: zlibWithout8,
    options: takeover,
    expected: [
      "permessage-deflate; client_max_window_bits=8",
      "zlib",
      agreed(false, false, 15, 8),
    ],
  },
  {
    offer: "permessage-deflate; client_max_window_bits=15",
    options: takeover,
    expected: ["permessage-deflate", "zlib", agreed(false, false, 15, 15)],
  },
  {
    offer: "permessage-deflate; client_max_window_bits",
    options: { clientMaxWindowBits: 9 },
    expected: [
      `${neither}; client_max_window_bits=9`,
      "standard",
      agreed(true, true, 15, 9),
    ],
  },
  {
    offer: "permessage-deflate; client_max_window_bits=12",
    options: { ...takeover, clientMaxWindowBits: 9 },
    expected: [
      "permessage-deflate; client_max_window_bits=9",
      "zlib",
      agreed(false, false, 15, 9),
    ],
  },
  {
    offer: "permessage-deflate; client_max_window_bits=9",
    options: { ...takeover, clientMaxWindowBits: 12 },
    expected: [
      "permessage-deflate; client_max_window_bits=9",
      "zlib",
      agreed(false, false, 15, 9),
    ],
  },
  {
    offer: "permessage-deflate",
    options: { ...takeover, clientMaxWindowBits: 9 },
    expected: ["permessage-deflate", "zlib", agreed(false, false, 15, 15)],
  },
  // Everything at once, in any order.
  {
    offer: "permessage-deflate; client_max_window_bits=11; " +
      "server_max_window_bits=12; client_no_context_takeover; " +
      "server_no_context_takeover",
    expected: [
      `${neither}; server_max_window_bits=12; client_max_window_bits=11`,
      "zlib",
      agreed(true, true, 12, 11),
    ],
  },
  // The client's order counts, not the server's convenience.
  {
    offer: "permessage-deflate; server_max_window_bits=9, permessage-deflate",
    expected: [
      "permessage-deflate; server_max_window_bits=9",
      "zlib",
      agreed(false, false, 9, 15),
    ],
  },
  {
    offer: "permessage-deflate, permessage-deflate; server_max_window_bits=9",
    expected: [neither, "standard", agreed(true, true, 15, 15)],
  },
  // Other extensions, before and after.
  {
    offer:
      "x-webkit-deflate-frame, permessage-bzip2; client_max_window_bits, " +
      "permessage-deflate, foo",
    options: takeover,
    expected: ["permessage-deflate", "zlib", agreed(false, false, 15, 15)],
  },
  { offer: "", expected: null },
  { offer: "x-webkit-deflate-frame", expected: null },
  { offer: "Permessage-Deflate", expected: null },
  { offer: "permessage-deflate2, permessage, deflate", expected: null },
];

for (const { offer, expected, ...given } of serverCases) {
  const options: DeflateOptions = { backend: "standard", ...given.options };
  const standard = given.standard ?? contextless;
  const name = [
    `a server answers ${JSON.stringify(offer)}`,
    `options ${JSON.stringify(options)}`,
    `standard ${Object.values(standard).join()}`,
    `zlib from ${(given.zlib ?? zlib).minOutboundWindowBits} bits`,
    expected === null ? "not at all" : `${expected[1]}: ${expected[0]}`,
  ].join(", ");
  test(name, () => {
    const accepted = acceptOffer(
      parse(offer),
      resolve(options),
      standard,
      given.zlib ?? zlib,
    );
    if (expected === null) {
      assert.equal(accepted, null);
      return;
    }
    const [response, backend, parameters] = expected;
    assert.deepEqual(accepted, {
      parameters,
      backend,
      response: parseExtensions(response)[0],
    });
  });
}

for (
  const [offer, backend, response, serverBits, clientBits] of [
    ["permessage-deflate", "standard", neither, 15, 15],
    ["permessage-deflate; client_max_window_bits", "standard", neither, 15, 15],
    [
      "permessage-deflate; client_max_window_bits=9",
      "standard",
      `${neither}; client_max_window_bits=9`,
      15,
      9,
    ],
    [
      "permessage-deflate; server_max_window_bits=10",
      "zlib",
      `${neither}; server_max_window_bits=10`,
      10,
      15,
    ],
  ] as const
) {
  test(`by default a server keeps no context, and the client none, whatever they could: ${offer}`, () => {
    for (const standard of [contextless, contextual]) {
      assert.deepEqual(
        acceptOffer(parse(offer), resolve(), standard, zlib),
        {
          parameters: agreed(true, true, serverBits, clientBits),
          backend,
          response: parseExtensions(response)[0],
        },
      );
    }
  });
}

const illParameters: string[] = [
  ...["7", "16", "0", "08", "015", "10.0", "1e1", "0x9", "-9", "+9", "nine"]
    .flatMap((bits) => [
      `server_max_window_bits=${bits}`,
      `client_max_window_bits=${bits}`,
    ]),
  "server_max_window_bits=99999999999999999999999999",
  "server_max_window_bits=NaN",
  "client_max_window_bits=Infinity",
  "client_max_window_bits=any",
  'server_max_window_bits="09"',
  "server_max_window_bits",
  "server_no_context_takeover=true",
  "server_no_context_takeover=1",
  "client_no_context_takeover=10",
  'client_no_context_takeover="false"',
  "server_no_context_takeover; server_no_context_takeover",
  "client_no_context_takeover; client_no_context_takeover",
  "client_max_window_bits; client_max_window_bits",
  "client_max_window_bits; client_max_window_bits=10",
  "client_max_window_bits=10; client_max_window_bits=10",
  "server_max_window_bits=10; server_max_window_bits=10",
  "server_max_window_bits=10; client_max_window_bits; server_max_window_bits=9",
  "unknown",
  "unknown=1",
  "client_max_window_bits; unknown",
  "Server_No_Context_Takeover",
  "CLIENT_MAX_WINDOW_BITS",
  "server-no-context-takeover",
  "max_window_bits=10",
  "__proto__",
  "constructor=10",
  "toString",
  "serverNoContextTakeover",
];

for (const parameters of illParameters) {
  test(`a server declines an offer with ${parameters}, not the next`, () => {
    const ill = `permessage-deflate; ${parameters}`;
    const options = resolve({ backend: "zlib" });
    assert.equal(
      acceptOffer(parse(ill), options, contextless, zlib),
      null,
    );
    const accepted = acceptOffer(
      parse(`${ill}, permessage-deflate; server_max_window_bits=13, ${ill}`),
      options,
      contextless,
      zlib,
    );
    assert.deepEqual(accepted?.parameters, agreed(false, false, 13, 15));
  });
}

test("values that the header's parser would refuse are declined too", () => {
  for (const value of ["", " 10", "10 ", "10\n", "1\u0660", "\uff19", "10\0"]) {
    for (const name of ["server_max_window_bits", "client_max_window_bits"]) {
      const offers = [{
        name: "permessage-deflate",
        parameters: [{ name, value }],
      }];
      assert.equal(
        acceptOffer(offers, resolve(), contextless, zlib),
        null,
        `${name}=${JSON.stringify(value)}`,
      );
    }
  }
});

test("a hundred thousand ill offers and parameters are declined", () => {
  const ill: ExtensionOffer = {
    name: "permessage-deflate",
    parameters: [{ name: "server_max_window_bits", value: "08" }],
  };
  const long: ExtensionOffer = {
    name: "permessage-deflate",
    parameters: Array.from(
      { length: 100_000 },
      () => ({ name: "client_max_window_bits", value: null }),
    ),
  };
  const offers = [...Array<ExtensionOffer>(100_000).fill(ill), long];
  const options = resolve();
  assert.equal(acceptOffer(offers, options, contextless, zlib), null);
  const last = { name: "permessage-deflate", parameters: [] };
  assert.equal(
    acceptOffer([...offers, last], options, contextless, zlib)?.backend,
    "standard",
  );
});

test("nothing that was passed in is changed", () => {
  const offers = parse(
    "permessage-deflate; server_max_window_bits=10; client_max_window_bits",
  );
  const options = resolve({ serverNoContextTakeover: true });
  const before = structuredClone({ offers, options, contextless, zlib });
  const accepted = acceptOffer(offers, options, contextless, zlib)!;
  checkResponse([accepted.response], offers, options, contextless, zlib);
  assert.deepEqual({ offers, options, contextless, zlib }, before);
});

// Every combination.

const allBits = [8, 9, 10, 11, 12, 13, 14, 15];

/** One of the 360 valid offers; but for `any`, valid responses as well. */
interface Stated {
  serverNo: boolean;
  clientNo: boolean;
  serverBits: number | null;
  clientBits: number | "any" | null;
  extension: ExtensionOffer;
}

function everyStatement(): Stated[] {
  const statements: Stated[] = [];
  for (const serverNo of [false, true]) {
    for (const clientNo of [false, true]) {
      for (const serverBits of [null, ...allBits]) {
        for (const clientBits of [null, "any" as const, ...allBits]) {
          const parameters: ExtensionParameter[] = [];
          if (clientBits !== null) {
            parameters.push({
              name: "client_max_window_bits",
              value: clientBits === "any" ? null : String(clientBits),
            });
          }
          if (serverNo) {
            parameters.push({
              name: "server_no_context_takeover",
              value: null,
            });
          }
          if (serverBits !== null) {
            parameters.push({
              name: "server_max_window_bits",
              value: String(serverBits),
            });
          }
          if (clientNo) {
            parameters.push({
              name: "client_no_context_takeover",
              value: null,
            });
          }
          const extension = { name: "permessage-deflate", parameters };
          statements.push({
            serverNo,
            clientNo,
            serverBits,
            clientBits,
            extension,
          });
        }
      }
    }
  }
  return statements;
}

function parameterOf(
  { parameters }: ExtensionOffer,
  name: string,
): string | null | undefined {
  return parameters.find((parameter) => parameter.name === name)?.value;
}

/** Which rule of section 7.1 a response to an offer breaks; `null` for none. */
function brokenRule(offer: Stated, response: ExtensionOffer): string | null {
  const serverNo = parameterOf(response, "server_no_context_takeover");
  const serverBits = parameterOf(response, "server_max_window_bits");
  const clientBits = parameterOf(response, "client_max_window_bits");
  if (offer.serverNo && serverNo === undefined) return "7.1.1.1";
  if (
    offer.serverBits !== null &&
    (serverBits === undefined || Number(serverBits) > offer.serverBits)
  ) return "7.1.2.1";
  if (clientBits === null) return "7.1.2.2: no value";
  if (clientBits !== undefined) {
    if (offer.clientBits === null) return "7.1.2.2: not offered";
    if (
      offer.clientBits !== "any" && Number(clientBits) > offer.clientBits
    ) return "7.1.2.2: too large";
  }
  return null;
}

const someOptions: DeflateOptions[] = [false, true].flatMap((
  serverNoContextTakeover,
) =>
  [false, true].flatMap((clientNoContextTakeover) =>
    [8, 9, 12, 15].flatMap((serverMaxWindowBits) =>
      [8, 11, 15].map((clientMaxWindowBits) => ({
        serverNoContextTakeover,
        clientNoContextTakeover,
        serverMaxWindowBits,
        clientMaxWindowBits,
      }))
    )
  )
);

const everyStandard: DeflateCapabilities[] = [false, true].flatMap((
  outboundContextTakeover,
) =>
  [false, true].map((inboundContextTakeover) => ({
    outboundContextTakeover,
    inboundContextTakeover,
    minOutboundWindowBits: 15,
  }))
);

for (const backend of ["standard", "zlib"] as const) {
  for (const zlibBackend of [zlib, zlibWithout8]) {
    const fewest = zlibBackend.minOutboundWindowBits;
    test(`every offer × options, ${backend}, zlib from ${fewest} bits: the answer keeps to the offer, the options and the backend`, () => {
      let answers = 0;
      for (const options of someOptions) {
        const resolved = resolve({ ...options, backend });
        for (const standard of everyStandard) {
          for (const offer of everyStatement()) {
            const context = () =>
              formatExtensions([offer.extension]) + " " +
              JSON.stringify({ resolved, standard, accepted });
            const accepted = acceptOffer(
              [offer.extension],
              resolved,
              standard,
              zlibBackend,
            );
            const serverBits = Math.min(
              offer.serverBits ?? 15,
              resolved.serverMaxWindowBits,
            );
            if (accepted === null) {
              // Only a window that is too small is ever a reason.
              if (serverBits >= fewest) assert.fail(context());
              continue;
            }
            answers++;
            const { parameters, response } = accepted;
            const usesStandard = accepted.backend === "standard";
            const can = usesStandard ? standard : zlibBackend;
            const check = (holds: boolean) => {
              if (!holds) assert.fail(context());
            };
            check(brokenRule(offer, response) === null);
            check(response.name === "permessage-deflate");
            check(
              usesStandard === (backend === "standard" && serverBits === 15),
            );
            check(parameters.serverMaxWindowBits === serverBits);
            check(serverBits >= can.minOutboundWindowBits);
            // Context is kept where nobody minds, and only there.
            check(
              parameters.serverNoContextTakeover ===
                (offer.serverNo || resolved.serverNoContextTakeover ||
                  !can.outboundContextTakeover),
            );
            check(
              parameters.clientNoContextTakeover ===
                (offer.clientNo || resolved.clientNoContextTakeover ||
                  !can.inboundContextTakeover),
            );
            if (offer.clientBits !== null) {
              check(
                parameters.clientMaxWindowBits <= resolved.clientMaxWindowBits,
              );
            }
            // The response says all of it, in what it has and what it lacks.
            const stated = agreed(
              parameterOf(response, "server_no_context_takeover") === null,
              parameterOf(response, "client_no_context_takeover") === null,
              Number(parameterOf(response, "server_max_window_bits") ?? 15),
              Number(parameterOf(response, "client_max_window_bits") ?? 15),
            );
            check(JSON.stringify(stated) === JSON.stringify(parameters));
            // And a client takes it the same way.
            const client = checkResponse(
              parseExtensions(formatExtensions([response])),
              [offer.extension],
              resolve({ backend: "zlib" }),
              standard,
              zlib,
            );
            check(
              JSON.stringify(client?.parameters) === JSON.stringify(parameters),
            );
          }
        }
      }
      assert(answers > 10_000, `${answers} answers`);
    });
  }
}

test("every offer × every response: a client accepts those that section 7.1 allows, and no other", () => {
  const offers = everyStatement();
  const options = resolve({ backend: "zlib" });
  let accepted = 0;
  for (const offer of offers) {
    for (const response of offers) {
      const context = () =>
        `${formatExtensions([offer.extension])} answered by ` +
        formatExtensions([response.extension]);
      let result: DeflateParameters | undefined;
      try {
        result = checkResponse(
          [response.extension],
          [offer.extension],
          options,
          contextless,
          zlib,
        )?.parameters;
      } catch (error) {
        if (!(error instanceof WebSocketError)) throw error;
      }
      const rule = brokenRule(offer, response.extension);
      if ((result === undefined) !== (rule !== null)) {
        assert.fail(`${context()}: ${rule}`);
      }
      if (result === undefined) continue;
      accepted++;
      const bits = [offer.clientBits, response.clientBits]
        .map((bits) => typeof bits === "number" ? bits : 15);
      const expected = agreed(
        response.serverNo,
        response.clientNo || offer.clientNo,
        response.serverBits ?? 15,
        Math.min(...bits),
      );
      if (JSON.stringify(result) !== JSON.stringify(expected)) {
        assert.fail(`${context()}: ${JSON.stringify(result)}`);
      }
    }
  }
  assert(accepted > 10_000, `${accepted} accepted`);
});

test("random offers and responses never do more than decline or refuse", () => {
  const random = seededRandom("random offers and responses");
  const names = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
    "unknown",
  ];
  const values = [null, null, null, "8", "9", "12", "15", "7", "16", "08", "x"];
  const anyExtension = (): ExtensionOffer => ({
    name: random.integer(8) === 0 ? "other" : "permessage-deflate",
    parameters: Array.from(
      { length: random.integer(5) },
      () => ({ name: random.pick(names), value: random.pick(values) }),
    ),
  });
  let agreements = 0;
  for (let round = 0; round < 20_000; round++) {
    const offers = Array.from({ length: 1 + random.integer(4) }, anyExtension);
    const standard = random.pick(everyStandard);
    const options = resolve({
      ...random.pick(someOptions),
      backend: random.pick(["auto", "standard", "zlib"] as const),
    });
    const accepted = acceptOffer(offers, options, standard, zlib);
    if (accepted !== null) {
      agreements++;
      // A client that made these offers agrees with the server about its own.
      const client = checkResponse(
        [accepted.response],
        offers,
        resolve({ backend: "zlib" }),
        standard,
        zlib,
      );
      assert(client !== null);
      assert.equal(
        client.parameters.serverMaxWindowBits,
        accepted.parameters.serverMaxWindowBits,
      );
      assert(
        client.parameters.clientMaxWindowBits <=
          accepted.parameters.clientMaxWindowBits,
      );
    }
    try {
      checkResponse(
        Array.from({ length: random.integer(3) }, anyExtension),
        offers,
        options,
        standard,
        zlib,
      );
    } catch (error) {
      assert(error instanceof WebSocketError, String(error));
    }
  }
  assert(agreements > 1000, `${agreements} agreements`);
});

// The client's side.

const offerCases: [options: DeflateOptions, header: string][] = [
  [{}, "permessage-deflate; client_max_window_bits"],
  [
    { backend: "zlib", threshold: 0, level: 1, memLevel: 1 },
    "permessage-deflate; client_max_window_bits",
  ],
  [
    { serverNoContextTakeover: true },
    "permessage-deflate; server_no_context_takeover; client_max_window_bits",
  ],
  [
    { clientNoContextTakeover: true },
    "permessage-deflate; client_no_context_takeover; client_max_window_bits",
  ],
  [
    { serverMaxWindowBits: 8 },
    "permessage-deflate; server_max_window_bits=8; client_max_window_bits",
  ],
  [
    { clientMaxWindowBits: 14 },
    "permessage-deflate; client_max_window_bits=14",
  ],
  [
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 9,
    },
    `${neither}; server_max_window_bits=10; client_max_window_bits=9`,
  ],
];

for (const [options, header] of offerCases) {
  test(`a client with ${JSON.stringify(options)} offers ${header}`, () => {
    assert.equal(formatExtensions(createOffers(resolve(options))), header);
  });
}

test("a server accepts what a client offers, for any options of the two", () => {
  for (const clientOptions of someOptions) {
    for (const serverOptions of someOptions) {
      const client = resolve(clientOptions);
      const server = resolve(serverOptions);
      const offers = createOffers(client);
      const accepted = acceptOffer(offers, server, contextless, zlib);
      assert(accepted !== null);
      const result = checkResponse(
        [accepted.response],
        offers,
        client,
        contextual,
        zlib,
      );
      assert.deepEqual(result?.parameters, accepted.parameters);
      for (
        const bits of ["serverMaxWindowBits", "clientMaxWindowBits"] as const
      ) {
        assert.equal(
          accepted.parameters[bits],
          Math.min(client[bits], server[bits]),
        );
      }
    }
  }
});

test("a server that answers no extension agreed to none", () => {
  const options = resolve();
  for (const offers of [[], createOffers(options)]) {
    assert.equal(checkResponse([], offers, options, contextless, zlib), null);
  }
});

const refusals: [offer: string, response: string, problem: string][] = [
  ["", "permessage-deflate", '"permessage-deflate" was not offered'],
  ["", "foo", '"foo" was not offered'],
  ["permessage-deflate", "foo; bar=1", '"foo" was not offered'],
  ["permessage-deflate", "permessage-deflate, foo", '"foo" was not offered'],
  [
    "permessage-deflate",
    "Permessage-Deflate",
    '"Permessage-Deflate" was not offered',
  ],
  [
    "permessage-deflate",
    "permessage-deflate, permessage-deflate",
    "permessage-deflate was accepted 2 times",
  ],
  [
    "permessage-deflate, permessage-deflate; client_max_window_bits",
    "permessage-deflate, permessage-deflate; client_max_window_bits=9",
    "permessage-deflate was accepted 2 times",
  ],
  [
    "permessage-deflate",
    "permessage-deflate; unknown=1",
    'permessage-deflate has no parameter "unknown"',
  ],
  [
    "permessage-deflate",
    "permessage-deflate; __proto__",
    'permessage-deflate has no parameter "__proto__"',
  ],
  [
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "the parameter server_no_context_takeover occurs twice",
  ],
  [
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9",
    "the parameter client_max_window_bits occurs twice",
  ],
  [
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover=1",
    'server_no_context_takeover has the value "1" where no value is expected',
  ],
  [
    "permessage-deflate",
    "permessage-deflate; client_no_context_takeover=no",
    'client_no_context_takeover has the value "no" where no value is expected',
  ],
  [
    "permessage-deflate",
    "permessage-deflate; server_max_window_bits",
    "server_max_window_bits has no value where 8 to 15 is expected",
  ],
  ...["7", "16", "08", "1e1", "x"].flatMap((value) =>
    ["server_max_window_bits", "client_max_window_bits"].map((name) =>
      [
        "permessage-deflate; client_max_window_bits",
        `permessage-deflate; ${name}=${value}`,
        `${name} has the value "${value}" where 8 to 15 is expected`,
      ] satisfies [string, string, string]
    )
  ),
  // The name without a value is for offers only.
  [
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits",
    "client_max_window_bits has no value where 8 to 15 is expected",
  ],
  [
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits=15",
    "client_max_window_bits=15 was not offered",
  ],
  [
    "permessage-deflate; client_max_window_bits=10",
    "permessage-deflate; client_max_window_bits=11",
    "client_max_window_bits is 11, above the 10 that was offered",
  ],
  [
    "permessage-deflate; server_max_window_bits=10",
    "permessage-deflate; server_max_window_bits=11",
    "server_max_window_bits is 11, above the 10 that was offered",
  ],
  [
    "permessage-deflate; server_max_window_bits=15",
    "permessage-deflate",
    "server_max_window_bits=15 was offered and is missing",
  ],
  [
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate",
    "server_no_context_takeover was offered and is missing",
  ],
  // Neither of two offers is met.
  [
    "permessage-deflate; server_max_window_bits=10, " +
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits=11",
    "server_max_window_bits is 11, above the 10 that was offered; or " +
    "server_no_context_takeover was offered and is missing",
  ],
];

for (const [offer, response, problem] of refusals) {
  test(`a client that offered ${JSON.stringify(offer)} refuses ${JSON.stringify(response)}`, () => {
    assert.throws(
      () =>
        checkResponse(
          parse(response),
          parse(offer),
          resolve(),
          contextless,
          zlib,
        ),
      (error: unknown) => {
        assert(error instanceof WebSocketError);
        assert(
          error.message.startsWith(
            "The server's Sec-WebSocket-Extensions cannot be accepted: ",
          ),
          error.message,
        );
        assert(error.message.includes(`${problem} (RFC 7692`), error.message);
        return true;
      },
    );
  });
}

test("an extension's name that a server made up is escaped and cut", () => {
  const name = "\u202e\n" + "x".repeat(10_000);
  assert.throws(
    () =>
      checkResponse(
        [{ name, parameters: [] }],
        createOffers(resolve()),
        resolve(),
        contextless,
        zlib,
      ),
    (error: Error) =>
      error.message.length < 400 && /^[\x20-\x7e]+$/.test(error.message),
  );
});

const clientCases: [
  response: string,
  standard: DeflateCapabilities,
  backend: string,
  parameters: DeflateParameters,
][] = [
  // A server's context needs an inflater that keeps it.
  ["permessage-deflate", contextless, "zlib", agreed(false, false, 15, 15)],
  [
    "permessage-deflate; server_no_context_takeover",
    contextless,
    "standard",
    agreed(true, true, 15, 15),
  ],
  [
    "permessage-deflate",
    { ...contextual, outboundContextTakeover: false },
    "standard",
    agreed(false, true, 15, 15),
  ],
  ["permessage-deflate", contextual, "standard", agreed(false, false, 15, 15)],
  // A client need not keep its own context.
  [neither, contextual, "standard", agreed(true, true, 15, 15)],
  // A smaller window of the server's is read by any inflater, unasked too.
  [
    "permessage-deflate; server_max_window_bits=8",
    contextual,
    "standard",
    agreed(false, false, 8, 15),
  ],
  // A smaller window of its own takes zlib.
  [
    "permessage-deflate; client_max_window_bits=14",
    contextual,
    "zlib",
    agreed(false, false, 15, 14),
  ],
  [
    "permessage-deflate; client_max_window_bits=15",
    contextual,
    "standard",
    agreed(false, false, 15, 15),
  ],
];

for (const [response, standard, backend, parameters] of clientCases) {
  test(
    `a client takes ${response} with ${backend} where standard streams are ${
      Object.values(standard).join()
    }`,
    () => {
      const options = resolve();
      assert.deepEqual(
        checkResponse(
          parse(response),
          createOffers(options),
          options,
          standard,
          zlib,
        ),
        { parameters, backend },
      );
    },
  );
}

test("a client refuses a window that no backend can stay within", () => {
  const options = resolve();
  assert.throws(
    () =>
      checkResponse(
        parse("permessage-deflate; client_max_window_bits=8"),
        createOffers(options),
        options,
        contextual,
        zlibWithout8,
      ),
    { name: "WebSocketError", message: /no backend.*clientMaxWindowBits":8/ },
  );
});

test("a client with several offers finds the one that was accepted", () => {
  const offers = parse(
    "permessage-deflate; server_max_window_bits=10, " +
      "permessage-deflate; client_max_window_bits=12; client_no_context_takeover",
  );
  const check = (response: string) =>
    checkResponse(
      parse(response),
      offers,
      resolve({ backend: "zlib" }),
      contextless,
      zlib,
    )?.parameters;
  assert.deepEqual(
    check("permessage-deflate; server_max_window_bits=9"),
    agreed(false, false, 9, 15),
  );
  assert.deepEqual(
    check("permessage-deflate"),
    agreed(false, true, 15, 12),
  );
  assert.deepEqual(
    check("permessage-deflate; client_max_window_bits=9"),
    agreed(false, true, 15, 9),
  );
});
