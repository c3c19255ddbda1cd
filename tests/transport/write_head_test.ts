// Heads of responses on their way to a socket, in memory that is used again.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { Socket } from "node:net";
import { test } from "node:test";
import { slabLength } from "../../src/codec/slab.ts";
import { NodeSocketTransport } from "../../src/transport/node_socket.ts";
import { writeHead } from "../../src/transport/write_head.ts";
import { RecordingTransport } from "../support/recording_transport.ts";
import { until } from "../support/serve_on.ts";

const heads = [
  "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nX-Name: Zo\xeb\r\n\r\n",
  `HTTP/1.1 101 Switching Protocols\r\nX: ${"a".repeat(slabLength)}\r\n\r\n`,
];

/** A socket that takes what is written only when it is let go on. */
class HeldSocket extends Socket {
  readonly taken: string[] = [];
  goOn: (() => void)[] = [];

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    callback: () => void,
  ): void {
    this.goOn.push(() => {
      this.taken.push(Buffer.from(chunk).toString("latin1"));
      callback();
    });
  }
}

test("a head arrives as it is: ASCII, Latin-1, and of any length", () => {
  for (const head of heads) {
    const transport = new RecordingTransport();
    writeHead(transport, head);
    writeHead(transport, head);
    assert.deepEqual(
      transport.writes.map((bytes) => Buffer.from(bytes).toString("latin1")),
      [head, head],
    );
  }
});

test("a head that the socket has not taken yet is not overwritten by the next", async () => {
  const many = 200;
  const sockets = Array.from({ length: many }, (_, index) => {
    const socket = new HeldSocket();
    const transport = new NodeSocketTransport(socket);
    for (const head of heads.slice(0, 2)) {
      writeHead(transport, head.replace("101", String(100 + index)));
    }
    return socket;
  });
  for (const socket of sockets) {
    for (let turn = 0; turn < 3 && socket.taken.length < 2; turn++) {
      for (const goOn of socket.goOn.splice(0)) goOn();
      await until(
        () => socket.goOn.length > 0 || socket.taken.length === 2,
        "the next write",
      );
    }
  }
  sockets.forEach(({ taken }, index) => {
    assert.deepEqual(
      taken,
      heads.slice(0, 2).map((head) => head.replace("101", String(100 + index))),
    );
  });
  for (const socket of sockets) socket.destroy();
});

test("a duplex of another kind is given bytes that nobody else has", () => {
  const written: Uint8Array[] = [];
  const duplex = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, callback) {
      written.push(chunk);
      callback();
    },
  });
  const transport = new NodeSocketTransport(duplex);
  writeHead(transport, heads[0]);
  writeHead(transport, heads[1]);
  assert.deepEqual(
    written.map((bytes) => Buffer.from(bytes).toString("latin1")),
    heads.slice(0, 2),
  );
  duplex.destroy();
});
