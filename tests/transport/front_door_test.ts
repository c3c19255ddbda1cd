// The front door on scripted sockets: what it takes for a request to upgrade,
// and what it hands on. Runs on every runtime.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import type { HandshakeRequest } from "../../src/handshake/request.ts";
import { FrontDoor } from "../../src/transport/front_door.ts";
import type { HandshakeSocket } from "../../src/transport/handshake_socket.ts";
import { until } from "../support/serve_on.ts";
import {
  Recorder,
  type Script,
  scripts,
  settled,
  someBytes,
} from "./scripted_sockets.ts";

const head = "GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\n" +
  "Upgrade: websocket\r\nConnection: Upgrade\r\nX-Latin: \xe9\r\n\r\n";
const request: HandshakeRequest = {
  method: "GET",
  target: "/chat?x=1",
  httpVersion: "1.1",
  // deno-fmt-ignore
  rawHeaders: [
    "Host", "example.com", "Upgrade", "websocket", "Connection", "Upgrade",
    "X-Latin", "\xe9",
  ],
};

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Who writes down what the front door gives. */
class Owner {
  readonly secure = false;
  readonly upgrades: { request: HandshakeRequest; socket: HandshakeSocket }[] =
    [];
  readonly others: Duplex[] = [];
  readonly lateOnes: Duplex[] = [];
  readonly refusedOnes: Duplex[] = [];

  upgrade(request: HandshakeRequest, socket: HandshakeSocket): void {
    this.upgrades.push({ request, socket });
  }

  other(socket: Duplex): void {
    this.others.push(socket);
  }

  refused(socket: Duplex): void {
    this.refusedOnes.push(socket);
  }

  late(socket: Duplex): void {
    this.lateOnes.push(socket);
  }

  /** How many of each. */
  get counts(): number[] {
    return [this.upgrades.length, this.others.length, this.lateOnes.length];
  }
}

/** Runs with a door of its own, which is closed afterwards. */
async function withDoor(
  script: () => Script,
  use: (
    enter: () => Script,
    owner: Owner,
    door: FrontDoor,
  ) => Promise<void>,
  timeout = 60_000,
): Promise<void> {
  const owner = new Owner();
  const door = new FrontDoor(owner, timeout);
  const sockets: Script[] = [];
  try {
    await use(
      () => {
        const socket = script();
        sockets.push(socket);
        door.take(socket.transport);
        return socket;
      },
      owner,
      door,
    );
  } finally {
    door.close();
    for (const { transport } of sockets) transport.destroy();
  }
}

function fieldsOf(
  { method, target, httpVersion, rawHeaders }: HandshakeRequest,
): HandshakeRequest {
  return { method, target, httpVersion, rawHeaders };
}

/** What can be read of a socket, until it is so many bytes. */
async function read(socket: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let arrived = 0;
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    arrived += chunk.length;
  });
  await until(() => arrived >= length, `${length} bytes`);
  await settled();
  return Buffer.concat(chunks);
}

for (const [runtime, script] of Object.entries(scripts)) {
  test(`${runtime}: a head cut at every byte is the same request`, () =>
    withDoor(script, async (enter, owner) => {
      const bytes = latin1(head + "early");
      for (let cut = 0; cut <= head.length; cut++) {
        const socket = enter();
        if (cut > 0) await socket.deliver(bytes.subarray(0, cut));
        assert.equal(owner.upgrades.length, cut === head.length ? 1 : 0);
        await socket.deliver(bytes.subarray(cut));
        assert.equal(owner.upgrades.length, 1);
        const upgrade = owner.upgrades.pop()!;
        assert.deepEqual(fieldsOf(upgrade.request), request);
        const { transport, early } = upgrade.socket.accept("HTTP/1.1 101\r\n");
        assert.equal(Buffer.from(early).toString(), "early");
        assert.equal(transport, socket.transport);
        transport.destroy();
      }
      assert.deepEqual(owner.counts, [0, 0, 0]);
    }));

  test(`${runtime}: a head byte by byte`, () =>
    withDoor(script, async (enter, owner) => {
      const socket = enter();
      for (const byte of latin1(head)) {
        assert.equal(owner.upgrades.length, 0);
        await socket.deliver(Uint8Array.of(byte));
      }
      assert.deepEqual(fieldsOf(owner.upgrades[0].request), request);
      const { early } = owner.upgrades[0].socket.accept("x");
      assert.equal(early.length, 0);
    }));

  test(`${runtime}: early bytes, whenever they come, are given with the connection`, () =>
    withDoor(script, async (enter, owner) => {
      const socket = enter();
      await socket.deliver(latin1(head + "one "));
      await socket.deliver(latin1("two "));
      await socket.deliver(latin1("three"));
      const { transport, early } = owner.upgrades[0].socket.accept("answer");
      assert.equal(Buffer.from(early).toString(), "one two three");
      const receiver = new Recorder();
      transport.start(receiver);
      await socket.deliver(latin1("four"));
      assert.equal(Buffer.from(receiver.bytes).toString(), "four");
      assert.equal(Buffer.from(socket.sent).toString(), "answer");
    }));

  test(`${runtime}: more than 64 KiB before the answer waits in the system, and none is lost`, () =>
    withDoor(script, async (enter, owner) => {
      const socket = enter();
      await socket.deliver(latin1(head));
      const all = someBytes(400_000);
      let at = 0;
      while (at < all.length) {
        await socket.deliver(all.subarray(at, at += 10_000));
      }
      const { transport, early } = owner.upgrades[0].socket.accept("answer");
      const first = early.length;
      assert.ok(first >= 64 * 1024, `${first} bytes were taken`);
      assert.ok(first < 64 * 1024 + 32768 + 10_000, `${first} were taken`);
      const receiver = new Recorder();
      transport.start(receiver);
      await until(
        () => first + receiver.bytes.length >= all.length,
        "the rest",
      );
      assert.equal(
        Buffer.compare(Buffer.concat([early, receiver.bytes]), all),
        0,
      );
    }));

  test(`${runtime}: refused with more than 64 KiB early: the socket gives all`, () =>
    withDoor(script, async (enter, owner) => {
      const socket = enter();
      await socket.deliver(latin1(head));
      const all = someBytes(150_000);
      for (let at = 0; at < all.length; at += 10_000) {
        await socket.deliver(all.subarray(at, at + 10_000));
      }
      const duplex = owner.upgrades[0].socket.toDuplex();
      assert.equal(Buffer.compare(await read(duplex, all.length), all), 0);
      duplex.end("no");
      await settled();
      assert.equal(Buffer.from(socket.sent).toString(), "no");
      assert.equal(socket.ends, 1);
    }));

  const others: Record<string, string> = {
    "garbage": "\x16\x03\x01\x02\x00\x01\x00",
    "an empty line first": "\r\n" + head,
    "a lower-case method": head.replace("GET", "get"),
    "another method": head.replace("GET", "POST"),
    "plain HTTP": "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
    "a body behind plain HTTP":
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.0": head.replace("HTTP/1.1", "HTTP/1.0"),
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another protocol": head.replace("websocket", "h2c"),
    "a head of 16 KiB without an end": "GET /" + "a".repeat(16 * 1024),
    "a head of more than 16 KiB": head.replace("\xe9", "e".repeat(16 * 1024)),
  };
  for (const [name, text] of Object.entries(others)) {
    test(`${runtime}: ${name} goes to the HTTP server, all of it`, () =>
      withDoor(script, async (enter, owner) => {
        const bytes = latin1(text);
        const lengths = bytes.length > 1000
          ? [4096, bytes.length]
          : [1, 7, bytes.length];
        for (const length of lengths) {
          const socket = enter();
          for (let at = 0; at < bytes.length; at += length) {
            await socket.deliver(bytes.subarray(at, at + length));
          }
          assert.deepEqual(owner.counts, [0, 1, 0]);
          const duplex = owner.others.pop()!;
          const got = await read(duplex, bytes.length);
          assert.equal(Buffer.compare(got, bytes), 0, `by ${length}`);
          await socket.deliver(latin1("more"));
          await settled();
          duplex.destroy();
          assert.equal(socket.dropped, true);
        }
      }));
  }

  test(`${runtime}: an almost too long head is still a request`, () =>
    withDoor(script, async (enter, owner) => {
      const length = 16 * 1024 - head.length + 1;
      const long = latin1(head.replace("\xe9", "e".repeat(length)));
      assert.equal(long.length, 16 * 1024);
      await enter().deliver(long);
      assert.deepEqual(owner.counts, [1, 0, 0]);
    }));

  test(`${runtime}: no head in time is late, with its bytes`, () =>
    withDoor(
      script,
      async (enter, owner) => {
        const first = enter();
        await first.deliver(latin1("GET / HT"));
        const asked = enter();
        await asked.deliver(latin1(head));
        await until(() => owner.lateOnes.length === 1, "the first");
        assert.deepEqual(owner.counts, [1, 0, 1]);
        assert.equal(
          (await read(owner.lateOnes[0], 8)).toString(),
          "GET / HT",
        );
        owner.lateOnes[0].end("late");
        await settled();
        assert.equal(Buffer.from(first.sent).toString(), "late");
        // And those that come after the timer has run out.
        enter();
        await until(() => owner.lateOnes.length === 2, "the second");
        assert.deepEqual(owner.counts, [1, 0, 2]);
        assert.equal(asked.dropped, false);
      },
      60,
    ));

  test(`${runtime}: the time runs from when each connected`, () =>
    withDoor(
      script,
      async (enter, owner) => {
        const started = performance.now();
        enter();
        await new Promise((resolve) => setTimeout(resolve, 150));
        const second = performance.now();
        enter();
        // A process that stalls may see both at once.
        await until(() => owner.lateOnes.length >= 1, "the first");
        assert.ok(performance.now() - started >= 295);
        await until(() => owner.lateOnes.length === 2, "the second");
        assert.ok(performance.now() - second >= 295);
      },
      300,
    ));

  test(`${runtime}: a client that ends before its head is closed, and not late`, () =>
    withDoor(
      script,
      async (enter, owner) => {
        for (const start of ["", "GET / HT"]) {
          const socket = enter();
          if (start !== "") await socket.deliver(latin1(start));
          await socket.deliverEnd();
          assert.equal(socket.dropped, true);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
        assert.deepEqual(owner.counts, [0, 0, 0]);
      },
      40,
    ));

  test(`${runtime}: a connection that breaks before its head is forgotten`, () =>
    withDoor(
      script,
      async (enter, owner) => {
        await enter().fail(new Error("reset"));
        await new Promise((resolve) => setTimeout(resolve, 100));
        assert.deepEqual(owner.counts, [0, 0, 0]);
      },
      40,
    ));

  test(`${runtime}: a client that ends behind its request is told of, and can be answered`, () =>
    withDoor(script, async (enter, owner) => {
      const socket = enter();
      await socket.deliver(latin1(head));
      const handshake = owner.upgrades[0].socket;
      let gone = 0;
      handshake.onGone = () => gone++;
      await socket.deliverEnd();
      assert.equal(gone, 1);
      assert.equal(handshake.gone, false);
      const duplex = handshake.toDuplex();
      duplex.resume().end("no");
      await settled();
      await settled();
      assert.equal(Buffer.from(socket.sent).toString(), "no");
      assert.equal(socket.dropped, true);
    }));

  test(`${runtime}: a client that breaks behind its request is gone`, () =>
    withDoor(script, async (enter, owner) => {
      const socket = enter();
      await socket.deliver(latin1(head));
      const handshake = owner.upgrades[0].socket;
      let gone = 0;
      handshake.onGone = () => gone++;
      assert.notEqual(handshake.remoteAddress, null);
      await socket.fail(new Error("reset"));
      assert.equal(gone, 1);
      assert.equal(handshake.gone, true);
      assert.equal(handshake.remoteAddress, null);
      const duplex = handshake.toDuplex();
      await settled();
      assert.equal(duplex.destroyed, true);
    }));

  test(`${runtime}: close() drops those that wait, and all that come later`, () =>
    withDoor(script, async (enter, owner, door) => {
      const waiting = enter();
      await waiting.deliver(latin1("GET"));
      const asked = enter();
      await asked.deliver(latin1(head));
      door.close();
      assert.equal(waiting.dropped, true);
      assert.equal(asked.dropped, false);
      const later = enter();
      await settled();
      assert.equal(later.dropped, true);
      await later.deliver(latin1(head));
      assert.deepEqual(owner.counts, [1, 0, 0]);
    }));
}
