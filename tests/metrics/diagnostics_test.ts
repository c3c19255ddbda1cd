// What a program hears that subscribes to the channels of
// node:diagnostics_channel.

import assert from "node:assert/strict";
import {
  type ChannelListener,
  hasSubscribers,
  subscribe,
  unsubscribe,
} from "node:diagnostics_channel";
import { test } from "node:test";
import type {
  CloseDiagnostic,
  ConnectionDiagnostic,
  HandshakeDiagnostic,
  WebSocketConnection,
} from "../../mod.ts";
import { type HandshakeDetails, opcodes } from "../support/raw_client.ts";
import {
  echo,
  serveOn,
  type Transport,
  transports,
  until,
} from "../support/serve_on.ts";

/** What the channels say, in the order in which they do. */
type Event =
  | { channel: "weir:handshake"; message: HandshakeDiagnostic }
  | { channel: "weir:connection"; message: ConnectionDiagnostic }
  | { channel: "weir:close"; message: CloseDiagnostic };

const names = ["weir:handshake", "weir:connection", "weir:close"];

/** Subscribes to all channels while `use` runs. */
async function listening(
  use: (events: Event[]) => Promise<void>,
): Promise<void> {
  const events: Event[] = [];
  const listener: ChannelListener = (message, channel) => {
    events.push({ channel, message } as Event);
  };
  for (const name of names) subscribe(name, listener);
  try {
    await use(events);
  } finally {
    for (const name of names) assert.ok(unsubscribe(name, listener));
  }
}

for (const transport of transports) {
  test(`the life of a connection is told on the channels, over ${transport}`, async () => {
    await listening((events) => lifeOver(transport, events));
  });
}

async function lifeOver(transport: Transport, events: Event[]): Promise<void> {
  const order: string[] = [];
  let opened: WebSocketConnection | undefined;
  const seen = (): number => events.length;
  await serveOn(transport, { protocols: ["chat"] }, {
    open(socket) {
      opened = socket;
      order.push(`open after ${seen()}`);
    },
    close() {
      order.push(`close after ${seen()}`);
    },
  }, async ({ open }) => {
    const client = await open({
      path: "/room?name=x",
      headers: { "Sec-WebSocket-Protocol": "chat", "X-Trace": "7" },
    });
    await client.closeCleanly(4567);
    await until(() => seen() === 3, "three messages");
  });
  assert.deepEqual(order, ["open after 2", "close after 3"]);
  assert.deepEqual(events.map(({ channel }) => channel), names);

  const handshake = events[0].message as HandshakeDiagnostic;
  assert.equal(handshake.status, 101);
  assert.equal(handshake.reason, "");
  assert.deepEqual(
    Object.keys(handshake.request),
    ["method", "target", "httpVersion", "rawHeaders"],
  );
  assert.equal(handshake.request.method, "GET");
  assert.equal(handshake.request.target, "/room?name=x");
  assert.equal(handshake.request.httpVersion, "1.1");
  const { rawHeaders } = handshake.request;
  assert.equal(rawHeaders[rawHeaders.indexOf("X-Trace") + 1], "7");
  if (transport === "unix") assert.equal(handshake.remoteAddress, null);
  else assert.match(handshake.remoteAddress!.hostname, /127\.0\.0\.1$/);
  assert.equal(handshake.socket, opened);
  assert.equal(opened!.protocol, "chat");

  assert.deepEqual(Object.keys(events[1].message), ["socket"]);
  assert.equal(events[1].message.socket, opened);

  const { socket, ...close } = events[2].message as CloseDiagnostic;
  assert.equal(socket, opened);
  assert.deepEqual(close, { closeCode: 4567, reason: "", wasClean: true });
}

test("handshakes that are refused are told with their status and the reason", async () => {
  await listening(async (events) => {
    await serveOn(
      "tcp",
      {
        upgrade: ({ url }) => {
          if (url.endsWith("/broken")) throw new Error("on purpose");
          if (url.endsWith("/who")) {
            return new Response(null, { status: 401, statusText: "Who?" });
          }
          return undefined;
        },
      },
      echo,
      async ({ open, errors }) => {
        const details: HandshakeDetails[] = [
          { path: "/who" },
          { path: "/broken" },
          { headers: { Origin: "https://evil.example" } },
          { headers: { "Sec-WebSocket-Key": "short" } },
        ];
        for (const each of details) {
          await assert.rejects(open(each), /no WebSocket/);
        }
        errors.splice(0);
        await until(() => events.length === 4, "four messages");
      },
    );
    const told = events.map(({ channel, message }) => {
      assert.equal(channel, "weir:handshake");
      const { status, reason, socket } = message as HandshakeDiagnostic;
      assert.equal(socket, null);
      return [status, reason] as const;
    });
    assert.deepEqual(told[0], [401, "Who?"]);
    assert.equal(told[1][0], 500);
    assert.equal(told[2][0], 403);
    assert.match(told[2][1], /https:\/\/evil\.example/);
    assert.equal(told[3][0], 400);
    assert.match(told[3][1], /Sec-WebSocket-Key is "short"/);
  });
});

test("a connection that is lost is told with 1006", async () => {
  await listening(async (events) => {
    await serveOn("tcp", {}, echo, async ({ open }) => {
      const client = await open();
      client.send(opcodes.text, "x");
      await client.text();
      client.reset();
      await until(() => events.length === 3, "three messages");
    });
    const { closeCode, wasClean } = events[2].message as CloseDiagnostic;
    assert.equal(closeCode, 1006);
    assert.equal(wasClean, false);
  });
});

test("who unsubscribes hears nothing more, and the server subscribes nobody", async () => {
  const events: Event[] = [];
  await listening((own) => {
    events.push(...own);
    return Promise.resolve();
  });
  await serveOn("tcp", {}, echo, async ({ server, open }) => {
    for (const name of names) assert.equal(hasSubscribers(name), false);
    await (await open()).closeCleanly();
    await until(() => server.sockets.size === 0, "the end");
  });
  assert.deepEqual(events, []);
});
