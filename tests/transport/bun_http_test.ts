// How long a request may take on a socket that node:http did not accept itself.
// Made for Bun, and the same on every runtime.

import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { superviseOnBun } from "../../src/transport/bun_http.ts";
import { NodeSocketTransport } from "../../src/transport/node_socket.ts";
import { TransportDuplex } from "../../src/transport/transport_duplex.ts";
import { RawClient } from "../support/raw_client.ts";
import { untilStill } from "../support/serve_on.ts";

const post = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n";

/** Runs with a server whose requests may take 300 ms behind their head. */
async function withServer(
  listener: RequestListener,
  use: (connect: () => Promise<RawClient>, late: Duplex[]) => Promise<void>,
): Promise<void> {
  const late: Duplex[] = [];
  const clients: RawClient[] = [];
  const http = createServer(listener);
  // Only one that listens keeps connections for the next request.
  Object.defineProperty(http, "listening", { value: true });
  superviseOnBun(http, 60_000, 300, (socket) => {
    late.push(socket);
    socket.destroy();
  });
  const tcp = createTcpServer((socket) => {
    const transport = new NodeSocketTransport(socket, true);
    http.emit("connection", new TransportDuplex(transport, false));
  });
  await new Promise<void>((resolve) =>
    tcp.listen(0, "127.0.0.1", () => resolve())
  );
  const { port } = tcp.address() as AddressInfo;
  try {
    await use(async () => {
      const client = await RawClient.connect({ port });
      clients.push(client);
      return client;
    }, late);
  } finally {
    for (const client of clients) client.destroy();
    await new Promise((resolve) => tcp.close(resolve));
  }
}

for (const read of [true, false]) {
  test(`a body that does not come to its end is given up, ${read ? "" : "not "}read`, () =>
    withServer((request) => {
      if (read) request.resume();
    }, async (connect, late) => {
      const client = await connect();
      client.write(post + "abc");
      await client.untilEnded();
      assert.equal(late.length, 1);
    }));
}

test("a byte now and then does not put it off", () =>
  withServer((request) => void request.resume(), async (connect, late) => {
    const client = await connect();
    client.write(post.replace("6", "1000000"));
    const writing = setInterval(() => client.write("x"), 50);
    try {
      await client.untilEnded();
    } finally {
      clearInterval(writing);
    }
    assert.equal(late.length, 1);
  }));

test("a request that is there may take as long to be answered as it likes", () =>
  withServer((request, response) => {
    request.resume();
    setTimeout(() => response.end("done"), 700);
  }, async (connect, late) => {
    const client = await connect();
    for (const body of ["abcdef", "abc"]) {
      client.write(post + body);
      if (body === "abc") client.write("def");
      assert.equal((await client.response()).body, "done");
    }
    let seen = 0;
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert.equal((await client.response()).body, "done");
    await untilStill(() => seen = client.length, "nothing more");
    assert.equal(seen, 0);
    assert.equal(client.ended, false);
    assert.equal(late.length, 0);
  }));
