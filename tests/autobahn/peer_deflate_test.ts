import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { PerMessageDeflate } from "../../autobahn/peer/deflate.ts";
import {
  acceptOffers,
  acceptResponse,
  deflateOffer,
  type DeflateParameters,
  ExtensionError,
  formatOffers,
} from "../../autobahn/peer/deflate_negotiation.ts";
import { TrafficCounter } from "../../autobahn/peer/traffic_statistics.ts";

const everything: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

const text = new TextEncoder();

/** Octets that repeat nothing. */
function noise(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function pair(parameters: Partial<DeflateParameters> = {}): {
  client: PerMessageDeflate;
  server: PerMessageDeflate;
  close(): void;
} {
  const agreed = { ...everything, ...parameters };
  const client = new PerMessageDeflate("client", agreed);
  const server = new PerMessageDeflate("server", agreed);
  return {
    client,
    server,
    close() {
      client.close();
      server.close();
    },
  };
}

test("peer deflate: the offers are the reference suite's", () => {
  assert.equal(formatOffers([]), "");
  assert.equal(
    formatOffers([deflateOffer()]),
    "permessage-deflate; client_no_context_takeover; client_max_window_bits",
  );
  assert.equal(
    formatOffers([
      deflateOffer({ requestNoContextTakeover: true, requestMaxWindowBits: 9 }),
      deflateOffer({ requestNoContextTakeover: true }),
    ]),
    "permessage-deflate; client_no_context_takeover; client_max_window_bits; " +
      "server_no_context_takeover; server_max_window_bits=9, " +
      "permessage-deflate; client_no_context_takeover; " +
      "client_max_window_bits; server_no_context_takeover",
  );
});

test("peer deflate: a client takes what a server may answer", () => {
  const offers = [deflateOffer()];
  assert.equal(acceptResponse(null, offers), null);
  assert.equal(acceptResponse(" , ", offers), null);
  assert.deepEqual(acceptResponse("permessage-deflate", offers), everything);
  assert.deepEqual(
    acceptResponse(
      'Permessage-Deflate ;server_no_context_takeover; SERVER_MAX_WINDOW_BITS="9"' +
        "; client_no_context_takeover ; client_max_window_bits = 8",
      offers,
    ),
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 9,
      clientMaxWindowBits: 8,
    },
  );
});

test("peer deflate: a client fails on what a server may not answer", () => {
  const offers = [deflateOffer()];
  for (
    const [header, wrong] of [
      ["x-webkit-deflate-frame", /x-webkit-deflate-frame/],
      ["permessage-deflate, permessage-deflate", /twice/],
      ["permessage-deflate; level=9", /"level"/],
      ["permessage-deflate; ", /no parameter ""/],
      ["permessage-deflate; server_max_window_bits", /needs a value/],
      ["permessage-deflate; server_max_window_bits=7", /illegal value "7"/],
      ["permessage-deflate; server_max_window_bits=16", /illegal value "16"/],
      ["permessage-deflate; client_max_window_bits=x", /illegal value "x"/],
      ["permessage-deflate; client_max_window_bits", /needs a value/],
      ["permessage-deflate; server_no_context_takeover=1", /illegal value "1"/],
      [
        "permessage-deflate; server_max_window_bits=9;server_max_window_bits=9",
        /server_max_window_bits more than once/,
      ],
    ] as const
  ) {
    assert.throws(
      () => acceptResponse(header, offers),
      (error) => error instanceof ExtensionError && wrong.test(error.message),
      header,
    );
  }
  assert.throws(
    () => acceptResponse("permessage-deflate", []),
    /which was not offered/,
  );
});

test("peer deflate: a server answers an offer with what it agrees to", () => {
  const impose = (noContext: boolean, bits: number) =>
    acceptOffers(
      "foo, permessage-deflate; client_max_window_bits; " +
        "server_no_context_takeover; server_max_window_bits=10",
      ([offer]) => ({
        offer,
        requestNoContextTakeover: noContext,
        requestMaxWindowBits: bits,
      }),
    );
  assert.deepEqual(impose(false, 0), {
    parameters: {
      serverNoContextTakeover: true,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 15,
    },
    response:
      "permessage-deflate; server_no_context_takeover; server_max_window_bits=10",
  });
  assert.equal(
    impose(true, 9)?.response,
    "permessage-deflate; server_no_context_takeover; " +
      "server_max_window_bits=10; client_no_context_takeover; " +
      "client_max_window_bits=9",
  );
  assert.equal(impose(true, 9)?.parameters.clientMaxWindowBits, 9);
});

test("peer deflate: a server sees what each offer allows", () => {
  acceptOffers(
    "permessage-deflate, permessage-deflate; client_max_window_bits=12",
    (offers) => {
      assert.deepEqual(
        offers.map((offer) => offer.acceptMaxWindowBits),
        [false, true],
      );
      return null;
    },
  );
  const never = (): null => assert.fail("there is nothing to choose from");
  assert.equal(acceptOffers(null, never), null);
  assert.equal(acceptOffers("permessage-bzip2", never), null);
  assert.equal(acceptOffers("permessage-deflate", null), null);
  assert.throws(
    () => acceptOffers("permessage-deflate; client_max_window_bits=7", never),
    ExtensionError,
  );
  assert.throws(
    () => acceptOffers("permessage-deflate; server_max_window_bits", null),
    ExtensionError,
  );
});

test("peer deflate: messages of every size pass in both directions", async () => {
  for (const bits of [8, 9, 12, 15]) {
    for (const noContext of [false, true]) {
      const { client, server, close } = pair({
        serverMaxWindowBits: bits,
        clientMaxWindowBits: bits,
        serverNoContextTakeover: noContext,
        clientNoContextTakeover: noContext,
      });
      const sizes = [0, 1, 16, 0, 4096, 131072, 300000, 3];
      for (const size of sizes) {
        const message = noise(size, size + 1);
        for (let repeat = 0; repeat < 2; repeat++) {
          const up = await server.decompress(await client.compress(message));
          assert.ok(Buffer.from(message).equals(up), `up ${size} ${bits}`);
          const down = await client.decompress(await server.compress(message));
          assert.ok(Buffer.from(message).equals(down), `down ${size} ${bits}`);
        }
      }
      close();
    }
  }
});

test("peer deflate: what is sent is plain deflate without its trailer", async () => {
  const { client, close } = pair();
  const message = text.encode("weir ".repeat(1000));
  const payload = await client.compress(message);
  const whole = Buffer.concat([payload, new Uint8Array([0, 0, 0xff, 0xff])]);
  assert.ok(
    inflateRawSync(whole, { finishFlush: 2 }).equals(message),
  );
  assert.ok(payload.byteLength < 100);
  close();
});

test("peer deflate: the window is kept, or not, as agreed", async () => {
  const message = noise(400);
  for (const noContext of [false, true]) {
    const { client, server, close } = pair({
      clientNoContextTakeover: noContext,
      serverNoContextTakeover: noContext,
    });
    for (const side of [client, server]) {
      const first = await side.compress(message);
      const second = await side.compress(message);
      if (noContext) assert.deepEqual([...second], [...first]);
      else assert.ok(second.byteLength < 20, `${second.byteLength} octets`);
    }
    close();
  }
});

test("peer deflate: no match reaches further back than the window", async () => {
  // The second half repeats the first from 600 octets before.
  const half = noise(600);
  const message = Buffer.concat([half, half]);
  const wide = pair();
  const narrow = pair({ clientMaxWindowBits: 9 });
  assert.ok((await wide.client.compress(message)).byteLength < 700);
  assert.ok((await narrow.client.compress(message)).byteLength > 1100);
  wide.close();
  narrow.close();
});

test("peer deflate: a window used although it was given up is an error", async () => {
  const sender = pair();
  const receiver = pair({ serverNoContextTakeover: true });
  const message = noise(400);
  await receiver.client.decompress(await sender.server.compress(message));
  await assert.rejects(
    receiver.client.decompress(await sender.server.compress(message)),
  );
  sender.close();
  receiver.close();
});

test("peer deflate: a message may end in a final block", async () => {
  const { client, close } = pair();
  const messages = [1, 2, 3].map((seed) => noise(5000, seed));
  // Not awaited one by one: the end of a stream is then seen late.
  const outputs = await Promise.all(
    messages.map((message) =>
      client.decompress(
        Buffer.concat([deflateRawSync(message), new Uint8Array(1)]),
      )
    ),
  );
  outputs.forEach((output, index) =>
    assert.ok(Buffer.from(messages[index]).equals(output), `message ${index}`)
  );
  close();
});

test("peer deflate: corrupt data are an error, now and afterwards", async () => {
  const { client, close } = pair();
  await assert.rejects(client.decompress(new Uint8Array([0xff, 0xff, 1, 2])));
  await assert.rejects(client.decompress(deflateRawSync(noise(10))));
  close();
});

test("peer deflate: calls are served in order", async () => {
  const { client, server, close } = pair();
  const messages = Array.from({ length: 50 }, (_, index) => noise(index * 37));
  const received = await Promise.all(
    messages.map(async (message) =>
      server.decompress(await client.compress(message))
    ),
  );
  received.forEach((output, index) =>
    assert.ok(Buffer.from(messages[index]).equals(output), `message ${index}`)
  );
  close();
});

test("peer deflate: closing rejects what is being worked on", async () => {
  const { client, close } = pair();
  const compressed = client.compress(noise(300000));
  const refused = assert.rejects(compressed);
  // Let the work begin before it is given up.
  await Promise.resolve();
  close();
  await refused;
  await assert.rejects(client.compress(noise(10)));
});

test("traffic statistics: the ratios follow from the counts", () => {
  const counter = new TrafficCounter();
  assert.equal(counter.snapshot().incomingCompressionRatio, null);
  assert.equal(counter.snapshot().outgoingWebSocketOverhead, null);
  counter.outgoingOctetsAppLevel = 1000;
  counter.outgoingOctetsWebSocketLevel = 250;
  counter.outgoingOctetsWireLevel = 300;
  counter.incomingOctetsAppLevel = 1000;
  counter.incomingOctetsWebSocketLevel = 500;
  counter.incomingOctetsWireLevel = 510;
  const statistics = counter.snapshot();
  assert.equal(statistics.outgoingCompressionRatio, 0.25);
  assert.equal(statistics.outgoingWebSocketOverhead, 0.2);
  assert.equal(statistics.incomingCompressionRatio, 0.5);
  assert.equal(statistics.incomingWebSocketOverhead, 0.02);
  assert.equal(statistics.preopenIncomingOctetsWireLevel, 0);
});
