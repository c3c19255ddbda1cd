// What is TLS's own: messages of several records, and TCP connections below that
// are dropped though bytes wait there.

import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { after, test } from "node:test";
import type { WebSocketConnection } from "../../mod.ts";
import { frame, handshake, opcodes, RawClient } from "../support/raw_client.ts";
import {
  assertNoStrayErrors,
  echo,
  serveOn,
  until,
  within,
} from "../support/serve_on.ts";

after(assertNoStrayErrors);

const rounds = 50;
/** Where each waits for an acknowledgement of TCP, they take 40 ms each. */
const limit = 1_000;

// TLS has records of 16 KiB.
for (const length of [17_000, 40_000, 60_000]) {
  test(`tls: an echo of ${length} bytes does not wait for TCP to be acknowledged`, () =>
    serveOn("tls", { deflate: false }, echo, async ({ open }) => {
      const client = await open();
      const payload = new Uint8Array(length).fill(length & 0xff);
      const started = performance.now();
      for (let round = 0; round < rounds; round++) {
        client.send(opcodes.binary, payload);
        assert.ok((await client.frame()).payload.equals(payload));
      }
      const taken = performance.now() - started;
      assert.ok(taken < limit, `${rounds} rounds took ${taken} ms`);
      assert.equal(await client.closeCleanly(), 1000);
    }));
}

test("tls: nor does a short message a moment after another", () =>
  serveOn("tls", {}, {
    message(socket) {
      socket.send("first");
      setTimeout(() => socket.send("second"), 2);
    },
  }, async ({ open }) => {
    const client = await open();
    const started = performance.now();
    for (let round = 0; round < rounds; round++) {
      client.send(opcodes.text, "go");
      for (const text of ["first", "second"]) {
        assert.equal((await client.frame()).payload.toString(), text);
      }
    }
    const taken = performance.now() - started;
    assert.ok(taken < limit, `${rounds} rounds took ${taken} ms`);
    assert.equal(await client.closeCleanly(), 1000);
  }));

/** Stands between a client and a server, and passes on what each says. */
class Relay {
  readonly #server = createServer((client) => this.#join(client));
  readonly #sockets: Socket[] = [];
  readonly #target: number;
  /** The server's end of the last connection. */
  upstream: Socket | null = null;
  /** Whether the server has ended that, in whatever way. */
  ended = false;

  constructor(target: number) {
    this.#target = target;
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) =>
      this.#server.listen(0, "127.0.0.1", resolve)
    );
    return (this.#server.address() as { port: number }).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(client: Socket): void {
    const upstream = connect({ port: this.#target, host: "127.0.0.1" });
    this.upstream = upstream;
    this.#sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.on("data", (bytes) => upstream.write(bytes));
    upstream.on("data", (bytes) => client.write(bytes));
    for (const event of ["end", "close"]) {
      upstream.on(event, () => this.ended = true);
    }
  }
}

test("tls: a record that can't be read ends the connection, with 1006", () => {
  const closed = Promise.withResolvers<number>();
  return serveOn("tls", { keepAlive: false }, {
    close: (_socket, { closeCode }) => closed.resolve(closeCode),
  }, async ({ target }) => {
    const relay = new Relay((target as { port: number }).port);
    const port = await relay.listen();
    try {
      const client = await RawClient.connect({ port, secure: true });
      await client.upgrade();
      // Application data, in 32 bytes that nobody has encrypted.
      relay.upstream!.write(new Uint8Array([0x17, 3, 3, 0, 32, ...noise(32)]));
      assert.equal(await within(closed.promise, "the end", 5_000), 1006);
      await until(() => relay.ended, "the end of TCP", 5_000);
    } finally {
      relay.close();
    }
  });
});

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 37 & 0xff);
}

for (const way of ["terminate()", "maxBufferedBytes"]) {
  test(`tls: ${way} drops TCP as well where bytes wait for a peer that reads nothing`, () => {
    const connections: WebSocketConnection[] = [];
    const part = new Uint8Array(256 << 10);
    return serveOn("tls", { deflate: false, maxBufferedBytes: 64 << 20 }, {
      open: (socket) => void connections.push(socket),
    }, async ({ server, target }) => {
      const relay = new Relay((target as { port: number }).port);
      const port = await relay.listen();
      try {
        const client = await RawClient.connect({ port, secure: true });
        client.write(handshake().request);
        await until(() => connections.length === 1, "the connection");
        const [connection] = connections;
        relay.upstream!.pause();
        // Until the system's buffers are full, and as much again.
        while (connection.bufferedAmount < 16 << 20) {
          connection.send(part);
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
        if (way === "terminate()") connection.terminate();
        else for (let sent = 0; sent < 256; sent++) connection.send(part);
        await until(() => server.sockets.size === 0, "the end");
        // A socket that is not there any more answers with a reset.
        const deadline = performance.now() + 5_000;
        while (!relay.ended) {
          assert.ok(performance.now() < deadline, "TCP is still open");
          client.write(frame(opcodes.text, "too late"));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      } finally {
        relay.close();
      }
    });
  });
}
