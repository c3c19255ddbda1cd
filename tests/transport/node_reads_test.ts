import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, createServer, Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { DirectReads } from "../../src/transport/node_reads.ts";
import { NodeSocketTransport } from "../../src/transport/node_socket.ts";
import { runtime } from "../support/runtime.ts";
import { untilStill } from "../support/serve_on.ts";
import { until, within } from "../support/waiting.ts";

/** A client, and the accepted socket that was replaced, or `null` where it can't be. */
async function pair(reads: DirectReads): Promise<
  { client: Socket; accepted: Socket; socket: Socket | null; end(): void }
> {
  const arrived = Promise.withResolvers<Socket>();
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true },
    arrived.resolve,
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.on("error", () => {});
  const accepted = await arrived.promise;
  const socket = reads.replace(accepted);
  (socket ?? accepted).on("error", () => {});
  return {
    client,
    accepted,
    socket,
    end() {
      client.destroy();
      (socket ?? accepted).destroy();
      server.close();
    },
  };
}

/** Collects what is read until there is so much. */
function collector(length: number) {
  const done = Promise.withResolvers<void>();
  const parts: Uint8Array[] = [];
  const buffers = new Set<ArrayBuffer>();
  let taken = 0;
  return {
    parts,
    buffers,
    done: done.promise,
    takeRead(bytes: Uint8Array<ArrayBuffer>): boolean {
      parts.push(new Uint8Array(bytes));
      buffers.add(bytes.buffer);
      taken += bytes.length;
      if (taken >= length) done.resolve();
      return true;
    },
  };
}

describe("DirectReads", () => {
  const ends: (() => void)[] = [];
  after(() => {
    for (const end of ends) end();
  });

  test("Node has a way to replace an accepted socket; elsewhere the old one works", async () => {
    const { client, socket, accepted, end } = await pair(new DirectReads());
    ends.push(end);
    if (runtime === "node") assert.ok(socket instanceof Socket);
    assert.notEqual(socket, accepted);
    const answer = new Promise((resolve) => client.once("data", resolve));
    (socket ?? accepted).write("ok");
    assert.equal(String(await within(answer, "what was written")), "ok");
  });

  test("all that is read comes in the same memory, and in order", async () => {
    const reads = new DirectReads();
    const { client, socket, end } = await pair(reads);
    ends.push(end);
    if (socket === null) return assert.notEqual(runtime, "node");
    const short = collector(5);
    reads.handTo(short);
    client.write("short");
    await within(short.done, "the short read");
    assert.equal(Buffer.concat(short.parts).toString(), "short");

    const sent = Buffer.alloc(4 * 1024 * 1024);
    for (let at = 0; at < sent.length; at += 4) sent.writeInt32LE(at, at);
    const large = collector(sent.length);
    reads.handTo(large);
    client.write(sent);
    await within(large.done, "all that was sent");
    assert.ok(Buffer.concat(large.parts).equals(sent));
    assert.deepEqual(large.buffers, short.buffers);
    assert.equal(large.buffers.size, 1);
  });

  test("a paused socket reads nothing, and goes on where it was", async () => {
    const reads = new DirectReads();
    const { client, socket, end } = await pair(reads);
    ends.push(end);
    if (socket === null) return assert.notEqual(runtime, "node");
    const sent = Buffer.alloc(32 * 1024 * 1024, "0123456789");
    let taken = 0;
    const parts: Uint8Array[] = [];
    const done = Promise.withResolvers<void>();
    const paused = Promise.withResolvers<void>();
    reads.handTo({
      takeRead(bytes) {
        parts.push(new Uint8Array(bytes));
        taken += bytes.length;
        if (parts.length === 1) {
          socket.pause();
          paused.resolve();
        }
        if (taken === sent.length) done.resolve();
        return true;
      },
    });
    client.write(sent);
    await within(paused.promise, "the first read");
    const before = taken;
    await untilStill(() => socket.bytesRead, "the socket to be quiet");
    assert.equal(taken, before);
    assert.ok(client.writableLength > 0, "all of 32 MiB has gone");
    socket.resume();
    await within(done.promise, "all that was sent");
    assert.ok(Buffer.concat(parts).equals(sent));
  });

  test("a transport that is resumed and paused at once reads one piece at most", async () => {
    const arrived = Promise.withResolvers<NodeSocketTransport>();
    const server = createServer(
      { allowHalfOpen: true, pauseOnConnect: true },
      (socket) => arrived.resolve(NodeSocketTransport.accepted(socket)),
    );
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const { port } = server.address() as AddressInfo;
    const client = connect(port, "127.0.0.1");
    client.on("error", () => {});
    const transport = await arrived.promise;
    ends.push(() => {
      client.destroy();
      transport.destroy();
      server.close();
    });
    const length = 64 * 1024 * 1024;
    let taken = 0;
    const first = Promise.withResolvers<void>();
    const all = Promise.withResolvers<void>();
    transport.start({
      receive(bytes) {
        if (taken === 0) transport.pause();
        taken += bytes.length;
        first.resolve();
        if (taken === length) all.resolve();
      },
      receiveEnd() {},
      transportClosed() {},
    });
    client.write(Buffer.alloc(length));
    await within(first.promise, "the first piece");
    for (let round = 0; round < 5; round++) {
      const before = taken;
      transport.resume();
      transport.pause();
      await untilStill(() => taken, "the transport to be quiet");
      assert.ok(taken - before < 1024 * 1024, `${taken - before} bytes`);
    }
    transport.resume();
    await within(all.promise, "all that was sent");
  });

  test("who returns false is not read until the stream is", async () => {
    const reads = new DirectReads();
    const { client, socket, end } = await pair(reads);
    ends.push(end);
    if (socket === null) return assert.notEqual(runtime, "node");
    reads.handTo({
      takeRead: (bytes) => socket.push(Buffer.from(bytes)),
    });
    const sent = Buffer.alloc(32 * 1024 * 1024, "abcdefghijk");
    client.end(sent);
    await until(() => socket.readableLength > 0, "the first read");
    await untilStill(() => socket.readableLength, "the socket to be quiet");
    assert.ok(socket.readableLength < 1024 * 1024, `${socket.readableLength}`);
    const parts: Uint8Array[] = [];
    for await (const part of socket) parts.push(part);
    assert.ok(Buffer.concat(parts).equals(sent));
  });

  test("a socket without the handle that is needed stays as it was", () => {
    const handle = { close() {} };
    const accepted = { _handle: handle } as unknown as Socket;
    assert.equal(new DirectReads().replace(accepted), null);
    assert.equal((accepted as unknown as { _handle: unknown })._handle, handle);
    const gone = { _handle: null } as unknown as Socket;
    assert.equal(new DirectReads().replace(gone), null);
  });
});
