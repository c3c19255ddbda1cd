/**
 * Run as a process of its own by connection_test.ts: compressed connections
 * that die in the middle of messages, in every way and at different moments,
 * while nobody looks at a promise of theirs. A rejection that is not handled
 * ends the process with another code than 0; a timer or a stream that is left
 * keeps it from ending.
 */

import type { WebSocketConnection } from "../../../src/connection/connection.ts";
import { settled } from "../../connection/harness.ts";
import { agree, compressedEnd } from "../../support/compressed_pair.ts";
import { duplexPair } from "../../support/duplex_pair.ts";
import { frameBytes, opcodes, RawPeer } from "../../support/raw_peer.ts";
import { syncFlushed } from "../backends.ts";

const message = new Uint8Array(2_000_000).map((_, at) => (at * at) >> 7);
const payload = syncFlushed(message);

/** Starts everything that takes a while. */
function use(socket: WebSocketConnection): void {
  void socket.closed;
  socket.send(message.subarray(0, 20_000));
  socket.send(message.subarray(0, 5_000));
  socket.send(message);
  socket.send(new Blob([message]));
  socket.send(
    new ReadableStream({
      pull: (controller) => controller.enqueue(message.subarray(0, 100_000)),
    }),
  );
  socket.send("behind the stream".repeat(1000));
}

const endings: ((socket: WebSocketConnection, peer: RawPeer) => unknown)[] = [
  (socket) => socket.terminate(),
  (_, peer) => peer.destroy(),
  (_, peer) => peer.end(),
  (_, peer) => peer.close(1000),
  (_, peer) => peer.send(0x3),
  (_, peer) => peer.send(opcodes.text, "\xff\xff", { reserved: 0x40 }),
];

for (const backend of ["standard", "zlib"] as const) {
  for (
    const offer of [
      "permessage-deflate",
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    ]
  ) {
    for (const end of endings) {
      for (const turns of [0, 1, 4]) {
        const [serverEnd, clientEnd] = duplexPair();
        const socket = compressedEnd(
          serverEnd,
          "server",
          agree(offer, { backend }).server,
          {
            deflate: { backend },
            connection: { closeTimeout: 40 },
            handler: turns === 1 ? { message: () => {} } : {},
          },
        );
        const peer = new RawPeer(clientEnd);
        use(socket);
        // A whole message, and one that is not.
        peer.sendBytes(
          frameBytes(opcodes.binary, payload, { reserved: 0x40 }),
          frameBytes(opcodes.binary, payload.subarray(0, 50_000), {
            reserved: 0x40,
            fin: false,
          }),
        );
        for (let turn = 0; turn < turns; turn++) await settled();
        end(socket, peer);
        const closed = socket.closed.catch(() => {});
        // What does not end by itself within closeTimeout is ended from here.
        const timer = setTimeout(() => {
          peer.destroy();
          socket.terminate();
        }, 100);
        await closed;
        clearTimeout(timer);
        peer.destroy();
      }
    }
  }
}
await settled();
console.log("all over");
