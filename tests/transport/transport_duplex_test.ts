// A transport as a Node socket, on scripted sockets. Runs on every runtime.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { TransportDuplex } from "../../src/transport/transport_duplex.ts";
import { until } from "../support/serve_on.ts";
import {
  type Script,
  scripts,
  settled,
  someBytes,
} from "./scripted_sockets.ts";

function duplexOver(
  script: () => Script,
  first: readonly Uint8Array[] = [],
): { socket: Script; duplex: TransportDuplex } {
  const socket = script();
  return { socket, duplex: new TransportDuplex(socket.transport, true, first) };
}

for (const [runtime, script] of Object.entries(scripts)) {
  test(`${runtime}: the address, and whether it is TLS`, () => {
    const { duplex } = duplexOver(script);
    assert.equal(duplex.remoteAddress, "192.0.2.1");
    assert.equal(duplex.remotePort, 4711);
    assert.equal(duplex.encrypted, true);
    assert.equal(duplex.setNoDelay(), duplex);
    assert.equal(duplex.setKeepAlive(), duplex);
    duplex.destroy();
  });

  test(`${runtime}: what came first is read first, and lent bytes are copied`, async () => {
    const { socket, duplex } = duplexOver(script, [
      someBytes(5),
      someBytes(5, 40),
    ]);
    await socket.deliver(someBytes(5, 80));
    await socket.deliver(someBytes(5, 120));
    await socket.deliverEnd();
    const chunks: Buffer[] = [];
    for await (const chunk of duplex) chunks.push(chunk);
    assert.deepEqual(
      [...Buffer.concat(chunks)],
      [0, 40, 80, 120].flatMap((from) => [...someBytes(5, from)]),
    );
  });

  test(`${runtime}: unread, it takes no more than a little from the peer`, async () => {
    const { socket, duplex } = duplexOver(script);
    const all = someBytes(1_000_000);
    for (let at = 0; at < all.length; at += 10_000) {
      await socket.deliver(all.subarray(at, at + 10_000));
    }
    const waiting = duplex.readableLength;
    assert.ok(
      waiting < duplex.readableHighWaterMark + 262_144,
      `${waiting} bytes wait`,
    );
    const chunks: Buffer[] = [];
    let length = 0;
    duplex.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
    });
    await until(() => length >= all.length, "all bytes");
    assert.equal(Buffer.compare(Buffer.concat(chunks), all), 0);
    duplex.destroy();
  });

  test(`${runtime}: writes wait for the peer, and keep their order`, async () => {
    const { socket, duplex } = duplexOver(script);
    socket.capacity = 10;
    let drained = false;
    duplex.on("drain", () => drained = true);
    const all = someBytes(200_000);
    let more = true;
    for (let at = 0; at < all.length; at += 20_000) {
      more = duplex.write(all.subarray(at, at + 20_000));
    }
    assert.equal(more, false);
    duplex.end("end");
    await socket.drain(100_000);
    assert.equal(socket.ends, 0);
    assert.equal(duplex.writableFinished, false);
    while (!duplex.writableFinished) await socket.drain(50_000);
    assert.equal(socket.ends, 1);
    assert.equal(
      Buffer.compare(socket.sent, Buffer.concat([all, Buffer.from("end")])),
      0,
    );
    assert.equal(drained, false, "it was ended");
    duplex.destroy();
  });

  test(`${runtime}: destroySoon() drops it behind what waits`, async () => {
    const { socket, duplex } = duplexOver(script);
    socket.capacity = 4;
    duplex.write(someBytes(10));
    duplex.destroySoon();
    await settled();
    assert.equal(socket.dropped, false);
    await socket.drain(100);
    assert.equal(socket.sent.length, 10);
    await until(() => duplex.destroyed, "the end");
    assert.equal(socket.dropped, true);
    const { socket: finished, duplex: ended } = duplexOver(script);
    ended.end();
    await settled();
    ended.destroySoon();
    assert.equal(finished.dropped, true);
  });

  test(`${runtime}: both ends are over: it closes, without an error`, async () => {
    const { socket, duplex } = duplexOver(script);
    const events: string[] = [];
    for (const name of ["end", "finish", "error", "close"]) {
      duplex.on(name, () => events.push(name));
    }
    duplex.resume();
    await socket.deliverEnd();
    duplex.end();
    await until(() => events.includes("close"), "the close");
    assert.deepEqual(events, ["end", "finish", "close"]);
    assert.equal(socket.dropped, true);
  });

  test(`${runtime}: a broken connection is an error, then a close`, async () => {
    const { socket, duplex } = duplexOver(script);
    const events: string[] = [];
    duplex.on("error", (error) => events.push(error.message));
    duplex.on("close", () => events.push("close"));
    duplex.resume();
    await socket.fail(new Error("reset"));
    await until(() => events.length === 2, "both");
    assert.deepEqual(events, ["reset", "close"]);
    assert.equal(duplex.destroyed, true);
  });

  test(`${runtime}: a broken connection that nobody listens to is no stray error`, async () => {
    const { socket, duplex } = duplexOver(script);
    await socket.fail(new Error("reset"));
    await until(() => duplex.destroyed, "the end");
  });

  test(`${runtime}: setTimeout() tells of silence; bytes either way put it off`, async () => {
    const { socket, duplex } = duplexOver(script);
    let timeouts = 0;
    assert.equal(duplex.setTimeout(250, () => timeouts++), duplex);
    assert.equal(duplex.timeout, 250);
    duplex.resume();
    const started = performance.now();
    while (performance.now() - started < 500) {
      await socket.deliver(someBytes(1));
      await new Promise((resolve) => setTimeout(resolve, 20));
      duplex.write("x");
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(timeouts, 0);
    }
    await until(() => timeouts === 1, "the timeout");
    assert.equal(duplex.destroyed, false, "what then is for others to say");
    duplex.setTimeout(30, () => timeouts++);
    duplex.setTimeout(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(timeouts, 1);
    duplex.setTimeout(30);
    duplex.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(timeouts, 1);
  });
}
