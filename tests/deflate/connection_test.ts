import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ServeOptions, WebSocketConnection } from "../../mod.ts";
import { concatBytes } from "../support/frames.ts";
import { closeFrame, frame, opcodes } from "../support/raw_client.ts";
import { scriptCommand } from "../support/runtime.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { echo, serveOn, until, within } from "../support/serve_on.ts";
import { rejectionOf } from "../connection/harness.ts";
import { finished, randomBytes, someMessage, syncFlushed } from "./backends.ts";
import {
  compressedFrames,
  contextFree,
  fragmented,
  openCompressing,
  readMessage,
  readText,
  rsv1,
} from "./compressing_client.ts";

const backends = ["standard", "zlib"] as const;
const large = "all work and no play makes Jack a dull boy. ".repeat(20_000);

for (const backend of backends) {
  const options: ServeOptions = {
    keepAlive: false,
    closeTimeout: 2000,
    deflate: { backend },
  };

  test(`${backend}: messages of all sizes come back in order`, async () => {
    const random = seededRandom(`${backend}: in order`);
    for (
      const offer of [
        "permessage-deflate; server_no_context_takeover",
        contextFree,
      ]
    ) {
      await serveOn("tcp", options, echo, async (server) => {
        const client = await openCompressing(server, { offer });
        const messages: Uint8Array[] = [];
        for (let round = 0; round < 60; round++) {
          const length = random.pick([0, 1, 10, 900, 1100, 20_000, 300_000]);
          const message = random.integer(4) === 0
            ? randomBytes(random, length)
            : someMessage(random, length);
          messages.push(message);
          const frames = random.integer(4) === 0
            ? frame(opcodes.binary, message)
            // Each alone: the client keeps no window, whatever was agreed.
            : compressedFrames(opcodes.binary, message, 1 + random.integer(5));
          client.write(frames);
        }
        for (const [index, message] of messages.entries()) {
          const { opcode, payload, compressed } = await readMessage(client);
          assert.equal(opcode, opcodes.binary);
          assert.ok(Buffer.from(message).equals(payload), `message ${index}`);
          if (message.length < 1024) assert.equal(compressed, false);
        }
        assert.equal(await client.closeCleanly(), 1000);
      });
    }
  });

  test(`${backend}: what was agreed is told to both ends`, async () => {
    let extensions = "";
    const handler = {
      open: (socket: { extensions: string }) => {
        extensions = socket.extensions;
      },
    };
    await serveOn("tcp", options, handler, async ({ connect }) => {
      const client = await connect();
      const response = await client.upgrade({
        headers: { "Sec-WebSocket-Extensions": contextFree },
      });
      assert.equal(response.header("sec-websocket-extensions"), contextFree);
      assert.equal(extensions, contextFree);
      assert.equal(await client.closeCleanly(), 1000);
    });
  });

  const corrupt: [string, Uint8Array][] = [
    ["corrupt", Uint8Array.of(0xff, 0xff, 0xff)],
    ["cut off", syncFlushed(large).subarray(0, -3)],
    ["followed by more", concatBytes([finished("Hello"), [7, 7, 7]])],
    ["no UTF-8", syncFlushed(Uint8Array.of(0x61, 0xff))],
    [
      "no UTF-8, after much that is",
      syncFlushed(concatBytes([new Uint8Array(400_000), [0xc3, 0x28]])),
    ],
  ];
  for (const [what, payload] of corrupt) {
    for (const fragments of [1, 4]) {
      test(`${backend}: a message that is ${what}, in ${fragments} fragments, ends its connection alone, with 1007`, async () => {
        const results: [number, boolean][] = [];
        const handler = {
          ...echo,
          close: (
            _: unknown,
            { closeCode, wasClean }: { closeCode: number; wasClean: boolean },
          ) => {
            results.push([closeCode, wasClean]);
          },
        };
        await serveOn("tcp", options, handler, async (server) => {
          const other = await openCompressing(server);
          const frames = compressedFrames(opcodes.text, large, 2);
          other.write(frames.subarray(0, 300));
          const client = await openCompressing(server);
          client.write(compressedFrames(opcodes.text, "before"));
          client.write(fragmented(opcodes.text, payload, fragments));
          client.send(opcodes.text, "after");
          const { closeCode } = await client.close();
          assert.equal(closeCode, 1007);
          await client.untilEnded();
          client.destroy();
          await until(() => results.length === 1, "the server's close hook");
          assert.deepEqual(results, [[1007, false]]);
          other.write(frames.subarray(300));
          assert.equal(await readText(other), large);
          assert.equal(await other.closeCleanly(), 1000);
        });
      });
    }
  }

  test(`${backend}: a message over maxMessageSize when inflated is refused with 1009`, async () => {
    const small = { ...options, maxMessageSize: 10_000 };
    await serveOn("tcp", small, echo, async (server) => {
      for (const fragments of [1, 3]) {
        const client = await openCompressing(server);
        const just = "x".repeat(10_000);
        client.write(compressedFrames(opcodes.text, just, fragments));
        assert.equal(await readText(client), just);
        client.write(compressedFrames(opcodes.text, just + "x", fragments));
        assert.equal((await client.close()).closeCode, 1009);
        await client.untilEnded();
      }
    });
  });

  const unfinished = syncFlushed(large).subarray(0, 100);
  const inTheMiddle: [string, Buffer][] = [
    [
      "a compressed message",
      frame(opcodes.text, unfinished, { fin: false, reserved: rsv1 }),
    ],
    [
      "a compressed message of which no byte has come",
      frame(opcodes.text, "", { fin: false, reserved: rsv1 }),
    ],
    [
      "a plain message behind a compressed one",
      Buffer.concat([
        compressedFrames(opcodes.text, large),
        frame(opcodes.text, "begun", { fin: false }),
      ]),
    ],
  ];
  for (const [what, begun] of inTheMiddle) {
    for (const consumer of ["hook", "incoming"]) {
      const closed: number[] = [];
      const close = (_: unknown, { closeCode }: { closeCode: number }) => {
        closed.push(closeCode);
      };
      const use = async (
        act: Parameters<typeof serveOn>[3],
      ): Promise<void> => {
        closed.length = 0;
        await serveOn("tcp", options, {
          close,
          ...consumer === "hook" ? { message: () => {} } : {
            async open(socket) {
              const take = async () => {
                for await (const { body } of socket.incoming) {
                  for await (const _ of body);
                }
              };
              await take().catch(() => {});
            },
          },
        }, act);
      };

      test(`${backend}: a Close in the middle of ${what} is answered (${consumer})`, async () => {
        await use(async (server) => {
          const client = await openCompressing(server);
          client.write(Buffer.concat([begun, closeFrame(1001)]));
          const { closeCode } = await within(client.close(), "Close", 3000);
          assert.equal(closeCode, 1001);
          await client.untilEnded();
          client.destroy();
          await until(() => closed.length > 0, "the close hook", 3000);
        });
      });

      test(`${backend}: TCP that ends in the middle of ${what} is noticed (${consumer})`, async () => {
        await use(async (server) => {
          const client = await openCompressing(server);
          client.write(begun);
          client.socket.end();
          await until(() => closed.length > 0, "the close hook", 3000);
          assert.deepEqual(closed, [1006]);
        });
      });

      test(`${backend}: a new message in the middle of ${what} is refused with 1002 (${consumer})`, async () => {
        for (const reserved of [0, rsv1]) {
          await use(async (server) => {
            const client = await openCompressing(server);
            client.write(begun);
            client.send(opcodes.text, syncFlushed("x"), { reserved });
            const { closeCode } = await within(client.close(), "Close", 3000);
            assert.equal(closeCode, 1002);
          });
        }
      });
    }
  }

  test(`${backend}: messages before the peer's Close are delivered and answered`, async () => {
    const handlers = {
      hook: echo,
      readable: async (socket: WebSocketConnection) => {
        for await (const message of socket.readable) await socket.send(message);
      },
      incoming: async (socket: WebSocketConnection) => {
        for await (const { body, type } of socket.incoming) {
          await socket.send(body, { type });
        }
      },
      pipe: ({ readable, writable }: WebSocketConnection) =>
        readable.pipeTo(writable),
    };
    for (const [name, handler] of Object.entries(handlers)) {
      await serveOn("tcp", options, handler, async (server) => {
        const client = await openCompressing(server);
        const texts = ["small", large, "small again", large + "!", ""];
        client.write(Buffer.concat([
          ...texts.map((text, index) =>
            compressedFrames(opcodes.text, text, 1 + index)
          ),
          closeFrame(1000),
        ]));
        // As clients do that want no answer to their Close.
        client.socket.end();
        for (const text of texts) {
          const received = await readText(client);
          assert.equal(received.length, text.length, name);
          assert.ok(received === text, name);
        }
        assert.equal((await client.close()).closeCode, 1000, name);
        await client.untilEnded();
      });
    }
  });

  test(`${backend}: the own Close goes behind messages that are being compressed`, async () => {
    await serveOn("tcp", options, {
      open: (socket) => {
        for (let number = 0; number < 5; number++) {
          socket.send(`${number}${large}`);
          socket.send(`${number}`);
        }
        socket.close({ closeCode: 4000, reason: "done" });
        assert.equal(socket.bufferedAmount > large.length, true);
      },
    }, async (server) => {
      const client = await openCompressing(server);
      for (let number = 0; number < 5; number++) {
        assert.equal(await readText(client), `${number}${large}`);
        assert.equal(await readText(client), `${number}`);
      }
      client.write(closeFrame(4000));
      assert.deepEqual(await client.close(), {
        closeCode: 4000,
        reason: "done",
      });
      await client.untilEnded();
    });
  });

  test(`${backend}: shutdown() sends what is queued to be compressed`, async () => {
    const opened = Promise.withResolvers<void>();
    await serveOn("tcp", options, {
      open: (socket) => {
        for (let number = 0; number < 5; number++) {
          socket.send(`${number}${large}`);
        }
        opened.resolve();
      },
    }, async (server) => {
      const client = await openCompressing(server);
      await opened.promise;
      const over = server.server.shutdown();
      for (let number = 0; number < 5; number++) {
        assert.equal(await readText(client), `${number}${large}`);
      }
      assert.equal((await client.close()).closeCode, 1001);
      client.write(closeFrame(1001));
      await client.untilEnded();
      client.socket.end();
      await within(over, "shutdown()");
    });
  });

  test(`${backend}: bytes may be changed once send() has resolved`, async () => {
    const random = seededRandom(`${backend}: reuse`);
    const sizes = [100, 2000, 20_000, 100_000, 200_000, 300_000];
    const messages = sizes.flatMap((size) => [
      someMessage(random, size),
      randomBytes(random, size),
    ]);
    for (const queued of [false, true]) {
      const allSent = Promise.withResolvers<void>();
      await serveOn("tcp", options, {
        async open(socket) {
          for (const message of messages) {
            const used = message.slice();
            // A stream that is not at its end makes others wait.
            const stream = queued
              ? socket.send(
                new ReadableStream({
                  async start(controller) {
                    controller.enqueue("begun ");
                    await new Promise((resolve) => setTimeout(resolve, 1));
                    controller.enqueue("done");
                    controller.close();
                  },
                }),
              )
              : null;
            await socket.send(used);
            used.fill(0xee);
            await stream;
          }
          allSent.resolve();
        },
      }, async (server) => {
        const client = await openCompressing(server);
        // Nothing is read at first, so that all that can wait does.
        client.socket.pause();
        await Promise.race([
          allSent.promise,
          new Promise((resolve) => setTimeout(resolve, 150)),
        ]);
        client.socket.resume();
        for (const [index, message] of messages.entries()) {
          if (queued) assert.equal(await readText(client), "begun done");
          const { payload } = await readMessage(client);
          assert.ok(
            Buffer.from(message).equals(payload),
            `message ${index} of ${message.length} bytes, queued ${queued}`,
          );
        }
        await within(allSent.promise, "send()");
        assert.equal(await client.closeCleanly(), 1000);
      });
    }
  });

  test(`${backend}: send() rejects when the connection is lost while it compresses`, async () => {
    const random = seededRandom(`${backend}: lost`);
    const noise = randomBytes(random, 100_000);
    // More than the system takes for a peer that does not read.
    const message = concatBytes(Array(140).fill(noise));
    for (const queued of [false, true]) {
      const outcome = Promise.withResolvers<unknown>();
      await serveOn("tcp", options, {
        open: (socket) => {
          if (queued) {
            socket.send(
              new ReadableStream({
                start(controller) {
                  controller.enqueue("x");
                  controller.close();
                },
              }),
            );
          }
          const sent = socket.send(message, { compress: true });
          outcome.resolve(
            rejectionOf(sent, `the rejection of send(), queued ${queued}`),
          );
          // Once it is being compressed.
          setTimeout(() => socket.terminate(), 5);
        },
      }, async (server) => {
        const client = await openCompressing(server);
        client.socket.pause();
        const error = await outcome.promise as { closeCode?: number };
        assert.equal(error.closeCode, 1006, String(error));
        client.destroy();
      });
    }
  });

  test(`${backend}: incoming hands out what has arrived of a compressed message`, async () => {
    const parts: string[] = [];
    await serveOn("tcp", options, async (socket) => {
      for await (const { body, type } of socket.incoming) {
        assert.equal(type, "text");
        for await (const part of body) {
          parts.push(new TextDecoder().decode(part));
        }
      }
    }, async (server) => {
      const client = await openCompressing(server);
      const payload = concatBytes([
        syncFlushed("the first part "),
        [0, 0, 0xff, 0xff],
      ]);
      client.send(opcodes.text, payload, { fin: false, reserved: rsv1 });
      await until(() => parts.join("").startsWith("the fir"), "the first part");
      client.send(0, syncFlushed("and the last"));
      await until(
        () => parts.join("") === "the first part and the last",
        "the rest",
      );
      assert.equal(await client.closeCleanly(), 1000);
    });
  });

  test(`${backend}: pings between fragments, and between messages that wait, are answered at once`, async () => {
    const held = Promise.withResolvers<void>();
    await serveOn("tcp", options, {
      message: () => held.promise,
    }, async (server) => {
      const client = await openCompressing(server);
      const payload = syncFlushed(large);
      client.send(opcodes.text, payload.subarray(0, 50), {
        fin: false,
        reserved: rsv1,
      });
      client.send(opcodes.ping, "one");
      const first = await client.frame();
      assert.equal(first.opcode, opcodes.pong);
      assert.equal(first.payload.toString(), "one");
      client.send(0, payload.subarray(50));
      client.send(opcodes.ping, "two");
      const second = await client.frame();
      assert.equal(second.payload.toString(), "two");
      held.resolve();
      assert.equal(await client.closeCleanly(), 1000);
    });
  });

  test(`${backend}: upgrade() chooses for each connection, and send() for each message`, async () => {
    await serveOn("tcp", {
      ...options,
      upgrade: (request) => ({
        deflate: request.url.endsWith("/off")
          ? false
          : { backend, threshold: 10 },
      }),
    }, {
      open: (socket) => {
        socket.send("x".repeat(9));
        socket.send("x".repeat(10));
        socket.send("x".repeat(9), { compress: true });
        socket.send("x".repeat(1000), { compress: false });
        socket.send(new Blob(["x".repeat(1000)]), { compress: false });
        socket.send(new Blob(["x".repeat(1000)]));
      },
    }, async (server) => {
      const client = await openCompressing(server);
      const compressed: boolean[] = [];
      for (let index = 0; index < 6; index++) {
        compressed.push((await readMessage(client)).compressed);
      }
      assert.deepEqual(compressed, [false, true, true, false, false, true]);
      assert.equal(await client.closeCleanly(), 1000);

      const off = await server.open({
        path: "/off",
        headers: { "Sec-WebSocket-Extensions": contextFree },
      });
      for (let index = 0; index < 6; index++) {
        assert.equal((await readMessage(off)).compressed, false);
      }
      assert.equal(await off.closeCleanly(), 1000);
    });
  });
}

test("connections that die in the middle of messages leave nothing running", async () => {
  const script = fileURLToPath(
    new URL("programs/dying_connections.ts", import.meta.url),
  );
  const command = scriptCommand(script);
  const outcome = await new Promise((resolve) => {
    execFile(
      command.program,
      [...command.arguments],
      { timeout: 40_000 },
      (error, stdout, stderr) =>
        resolve({ failed: error !== null, stdout, stderr }),
    );
  });
  assert.deepEqual(outcome, {
    failed: false,
    stdout: "all over\n",
    stderr: "",
  });
});
