// Servers that do their worst in the handshake: it ends in a rejection.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { test } from "node:test";
import { WebSocketStream } from "../../mod.ts";
import { withHeldPort } from "../support/held_port.ts";
import {
  type RawRequest,
  withRawServer,
  withTcpServer,
} from "../support/raw_server.ts";
import { runtime } from "../support/runtime.ts";
import { within } from "../support/serve_on.ts";
import { failureOf } from "./harness.ts";

/** Writes without an end, as fast as the client takes it. */
function flood(socket: Socket, chunk: string | Uint8Array): void {
  const write = (): void => {
    while (!socket.destroyed && socket.write(chunk)) {
      // As long as there is room.
    }
  };
  socket.on("drain", write);
  write();
}

const answers: readonly (readonly [
  what: string,
  answer: (request: RawRequest) => void,
  message: RegExp,
])[] = [
  ["ends the connection", ({ socket }) => {
    socket.end();
  }, /without an answer/],
  ["resets the connection", ({ socket }) => {
    if (socket.resetAndDestroy) socket.resetAndDestroy();
    else socket.destroy();
  }, /without an answer|cannot connect|reset/i],
  ["ends in the middle of the head", ({ socket, response }) => {
    socket.end(response().slice(0, -2));
  }, /in the middle of its answer/],
  ["sends a head without an end", ({ socket }) => {
    socket.write("HTTP/1.1 101 OK\r\n");
    flood(socket, "X-Header: a value\r\n");
  }, /more than 16384 bytes/],
  ["sends a header without an end", ({ socket }) => {
    socket.write("HTTP/1.1 101 OK\r\nX: ");
    flood(socket, "x".repeat(5000));
  }, /more than 16384 bytes/],
  ["sends interim responses without an end", ({ socket }) => {
    flood(socket, "HTTP/1.1 100 Continue\r\n\r\n");
  }, /more than 16384 bytes/],
  ["sends a status line without an end", ({ socket }) => {
    socket.write("HTTP/1.1 ");
    flood(socket, "1".repeat(5000));
  }, /more than 16384 bytes/],
  ["sends random bytes", ({ socket }) => {
    flood(socket, Uint8Array.of(0xff, ...randomBytes(5000)));
  }, /does not answer in HTTP\/1\.1/],
  ["sends empty lines", ({ socket }) => {
    flood(socket, "\r\n".repeat(1000));
  }, /does not answer in HTTP\/1\.1/],
  ["sends frames at once", ({ socket }) => {
    socket.write(Uint8Array.of(0x81, 0x02, 0x48, 0x69));
  }, /does not answer in HTTP\/1\.1.*\\u0081/],
  ["speaks another protocol", ({ socket }) => {
    socket.write("SSH-2.0-OpenSSH_9.9\r\n");
  }, /does not answer in HTTP\/1\.1, but with "SSH-2\.0/],
  ["sends the request back", (request) => {
    request.socket.write(`${request.line}\r\n\r\n`);
  }, /does not answer in HTTP\/1\.1, but with "GET/],
  ["sends rubbish behind an interim response", ({ socket }) => {
    socket.write("HTTP/1.1 103 Early Hints\r\n\r\nrubbish");
  }, /does not answer in HTTP\/1\.1, but with "rubbish/],
];

for (const [what, answer, message] of answers) {
  test(`a server that ${what}`, async () => {
    await withRawServer(answer, async ({ url, whenEmpty }) => {
      await failureOf(new WebSocketStream(url), message);
      await within(whenEmpty(), "the end of the connection");
    });
  });
}

for (
  const [what, onSocket] of [
    ["answers nothing", () => {}],
    ["answers one byte at a time, and never ends", (socket) => {
      socket.write("HTTP/1.1 101 OK\r\nX: ");
      const timer = setInterval(() => socket.write("x"), 5);
      socket.on("close", () => clearInterval(timer));
    }],
  ] as const satisfies [string, (socket: Socket) => void][]
) {
  for (const scheme of ["ws", "wss"]) {
    test(`a server that ${what} is left after handshakeTimeout, over ${scheme}`, async () => {
      await withTcpServer((socket) => {
        socket.resume();
        onSocket(socket);
      }, async ({ url, whenEmpty }) => {
        const stream = new WebSocketStream(url.replace("ws", scheme), {
          handshakeTimeout: 100,
        });
        const started = performance.now();
        await failureOf(
          stream,
          // What is no TLS may be noticed before.
          scheme === "wss" && what !== "answers nothing"
            ? /handshakeTimeout \(100 ms\)|cannot connect/
            : /handshakeTimeout \(100 ms\)/,
        );
        assert.ok(performance.now() - started < 5000);
        // Deno lets go of an unfinished TLS handshake, and keeps its TCP open.
        if (scheme === "wss" && runtime === "deno") return;
        await within(whenEmpty(), "the end of the connection");
      });
    });
  }
}

test("a port on which nobody listens", () =>
  withHeldPort(async ({ url }) => {
    const error = await failureOf(
      new WebSocketStream(url),
      /cannot connect to ws:\/\/127\.0\.0\.1:\d+\/: .*(refused|ECONNREFUSED)/i,
    );
    assert.ok((error as { cause?: unknown }).cause instanceof Error);
  }));

test("a name that does not exist", async () => {
  for (const scheme of ["ws", "wss"]) {
    const error = await failureOf(
      new WebSocketStream(`${scheme}://weir.invalid/`),
      /cannot connect to wss?:\/\/weir\.invalid\/: ./,
    );
    assert.ok((error as { cause?: unknown }).cause instanceof Error);
  }
});
