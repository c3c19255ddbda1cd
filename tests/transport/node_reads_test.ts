import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, createServer, Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { withDirectReads } from "../../src/transport/node_reads.ts";
import { NodeSocketTransport } from "../../src/transport/node_socket.ts";
import { runtime } from "../support/runtime.ts";
import { untilStill } from "../support/serve_on.ts";
import { until, within } from "../support/waiting.ts";

const cleanUps: (() => void)[] = [];
after(() => {
  for (const cleanUp of cleanUps) cleanUp();
});

/** A client, and the socket that a server accepted. */
async function pair(): Promise<{ client: Socket; accepted: Socket }> {
  const arrived = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true }, arrived.resolve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.on("error", () => {});
  const accepted = await arrived.promise;
  accepted.on("error", () => {});
  cleanUps.push(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  return { client, accepted };
}

/** Collects what is read, and waits for it. */
function collector() {
  const parts: Uint8Array[] = [];
  const buffers = new Set<ArrayBuffer>();
  const lentParts: boolean[] = [];
  let length = 0;
  let ends = 0;
  let closed = false;
  return {
    parts,
    buffers,
    lentParts,
    get length(): number {
      return length;
    },
    get ends(): number {
      return ends;
    },
    receive(bytes: Uint8Array<ArrayBuffer>, lent = true): void {
      parts.push(new Uint8Array(bytes));
      buffers.add(bytes.buffer);
      lentParts.push(lent);
      length += bytes.length;
    },
    receiveEnd(): void {
      ends++;
    },
    transportClosed(): void {
      closed = true;
    },
    until: (expected: number) =>
      until(() => length >= expected, `${expected} bytes to be read`),
    untilEnded: () => until(() => ends > 0, "the end"),
    untilClosed: () => until(() => closed, "the transport to be closed"),
    text: () => Buffer.concat(parts).toString(),
  };
}

const nobody = { takeRead() {} };

describe("withDirectReads", () => {
  test("Node and Deno have a way; elsewhere the accepted socket works as before", async () => {
    const { client, accepted } = await pair();
    const direct = withDirectReads(accepted, nobody);
    if (runtime !== "bun") assert.ok(direct instanceof Socket);
    assert.notEqual(direct, accepted);
    const answer = new Promise((resolve) => client.once("data", resolve));
    (direct ?? accepted).write("ok");
    assert.equal(String(await within(answer, "what was written")), "ok");
    direct?.destroy();
  });

  test("all that is read comes in the same memory, and in order", async () => {
    const { client, accepted } = await pair();
    const read = collector();
    const direct = withDirectReads(accepted, { takeRead: read.receive });
    if (direct === null) return assert.equal(runtime, "bun");
    cleanUps.push(() => direct.destroy());
    direct.resume();
    const sent = Buffer.alloc(4 * 1024 * 1024);
    for (let at = 0; at < sent.length; at += 4) sent.writeInt32LE(at, at);
    client.write("short");
    await read.until(5);
    client.write(sent);
    await read.until(5 + sent.length);
    assert.ok(
      Buffer.concat(read.parts).equals(
        Buffer.concat([Buffer.from("short"), sent]),
      ),
    );
    assert.equal(read.buffers.size, 1);
  });

  test("a socket without the handle that is needed stays as it was", () => {
    const handle = { close() {} };
    const accepted = { _handle: handle } as unknown as Socket;
    assert.equal(withDirectReads(accepted, nobody), null);
    assert.equal((accepted as unknown as { _handle: unknown })._handle, handle);
    const gone = { _handle: null } as unknown as Socket;
    assert.equal(withDirectReads(gone, nobody), null);
  });
});

describe("NodeSocketTransport.readDirectly()", () => {
  test("goes on behind what was read, writes, and tells of the end", async () => {
    const { client, accepted } = await pair();
    const transport = new NodeSocketTransport(accepted, true, true);
    const read = collector();
    transport.start(read);
    client.write("first");
    await read.until(5);
    assert.deepEqual(new Set(read.lentParts), new Set([false]));
    transport.readDirectly();
    client.write("second");
    await read.until(11);
    assert.deepEqual(new Set(read.lentParts), new Set([false]));
    const before = read.lentParts.length;
    client.write(" third");
    await read.until(17);
    assert.equal(read.text(), "firstsecond third");
    const lent = runtime !== "bun";
    assert.deepEqual(new Set(read.lentParts.slice(before)), new Set([lent]));

    const answer = new Promise((resolve) => client.once("data", resolve));
    transport.write([Buffer.from("an"), Buffer.from("swer")]);
    assert.match(String(await within(answer, "what was written")), /^an/);
    client.end("last");
    await read.untilEnded();
    assert.equal(read.text(), "firstsecond thirdlast");
    transport.end();
    await read.untilClosed();
  });

  test("not as long as something is to be written", async () => {
    const { client, accepted } = await pair();
    const transport = new NodeSocketTransport(accepted, true, true);
    const read = collector();
    const written = Buffer.alloc(16 * 1024 * 1024, "x");
    let unwritten = 0;
    transport.start({
      ...read,
      receive(bytes, lent) {
        if (read.length === 0) {
          transport.write([written], () => unwritten--);
          unwritten++;
        }
        read.receive(bytes, lent);
      },
    });
    transport.readDirectly();
    client.pause();
    client.write("first");
    await read.until(5);
    client.write(" second");
    await read.until(12);
    assert.equal(unwritten, 1, "the client took what it does not read");
    assert.deepEqual(new Set(read.lentParts), new Set([false]));
    let answered = 0;
    client.on("data", (chunk) => answered += chunk.length).resume();
    await until(() => unwritten === 0, "all to be written");
    client.write(" third");
    await read.until(18);
    assert.deepEqual(new Set(read.lentParts), new Set([false]));
    client.write(" fourth");
    await read.until(25);
    assert.equal(read.lentParts.at(-1), runtime !== "bun");
    client.end(" the end");
    await read.untilEnded();
    transport.end();
    await read.untilClosed();
    assert.equal(read.text(), "first second third fourth the end");
    assert.equal(answered, written.length);
  });

  test("a connection that ends with what it is told keeps the socket it had", async () => {
    const { client, accepted } = await pair();
    const transport = new NodeSocketTransport(accepted, true, true);
    const read = collector();
    transport.start({
      ...read,
      receive(bytes, lent) {
        read.receive(bytes, lent);
        transport.write([Buffer.from("bye")]);
        transport.end();
      },
    });
    transport.readDirectly();
    const answer = new Promise((resolve) => client.once("data", resolve));
    client.end("bye");
    assert.equal(String(await within(answer, "what was written")), "bye");
    await read.untilClosed();
    assert.ok(accepted.destroyed, "another socket was made");
  });

  test("what waits in the stream of a paused socket is not lost", async () => {
    const { client, accepted } = await pair();
    const transport = new NodeSocketTransport(accepted, true, true);
    const read = collector();
    transport.start(read);
    client.write("first");
    await read.until(5);
    transport.pause();
    client.write("second");
    // Bun reads nothing into the stream of a paused socket.
    if (runtime !== "bun") {
      client.write("third");
      await untilStill(() => accepted.readableLength, "the stream to be quiet");
    }
    transport.readDirectly();
    transport.resume();
    const all = runtime === "bun" ? "firstsecond" : "firstsecondthird";
    await read.until(all.length);
    assert.equal(read.text(), all);
  });

  for (const known of [false, true]) {
    const name = known ? "was told of" : "may have come";
    test(`the end of a peer that ${name} before is told of once`, async () => {
      const { client, accepted } = await pair();
      const transport = new NodeSocketTransport(accepted, true, true);
      const read = collector();
      transport.start(read);
      client.end("all");
      await read.until(3);
      if (known) await read.untilEnded();
      transport.readDirectly();
      await read.untilEnded();
      const answer = new Promise((resolve) => client.once("data", resolve));
      transport.write([Buffer.from("answer")]);
      assert.equal(String(await within(answer, "what was written")), "answer");
      transport.end();
      await read.untilClosed();
      assert.equal(read.ends, 1);
    });
  }

  test("one that is resumed and paused at once reads one piece at most", async () => {
    const { client, accepted } = await pair();
    const transport = new NodeSocketTransport(accepted, true, true);
    const read = collector();
    const first = Promise.withResolvers<void>();
    const length = 64 * 1024 * 1024;
    transport.start({
      ...read,
      receive(bytes, lent) {
        if (read.length === 0) transport.pause();
        read.receive(bytes, lent);
        first.resolve();
      },
    });
    transport.readDirectly();
    client.write(Buffer.alloc(length));
    await within(first.promise, "the first piece");
    await untilStill(() => client.writableLength, "the client to be held up");
    if (runtime !== "bun") assert.equal(accepted.readableLength, 0);
    for (let round = 0; round < 5; round++) {
      const before = read.length;
      transport.resume();
      transport.pause();
      await untilStill(() => read.length, "the transport to be quiet");
      const more = read.length - before;
      assert.ok(more < 1024 * 1024, `${more} bytes`);
    }
    assert.ok(client.writableLength > 0, "all of 64 MiB has gone");
    transport.resume();
    await read.until(length);
  });

  test("a TLS socket, or one of another's, reads as before", async () => {
    const { client, accepted } = await pair();
    const transport = new NodeSocketTransport(accepted, true);
    const read = collector();
    transport.start(read);
    transport.readDirectly();
    client.write("bytes");
    await read.until(5);
    assert.deepEqual(new Set(read.lentParts), new Set([false]));
  });
});
