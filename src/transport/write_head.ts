/**
 * The head of a response on its way to a transport.
 *
 * @module
 */
import { giveBackToSlab, slabLength, slabWithRoom } from "../codec/slab.ts";
import { writeAscii } from "../codec/utf8.ts";
import type { Transport } from "../connection/transport.ts";
import { toLatin1 } from "../handshake/head_lines.ts";
import { NodeSocketTransport } from "./node_socket.ts";

/**
 * Writes a head; to a socket of `node:net` in memory that is used again, as a buffer
 * of its own takes a microsecond on Deno. Bun, whose own sockets serve TCP, makes one
 * in less time than a view on another.
 *
 * @param head Its characters are below U+0100.
 */
export function writeHead(transport: Transport, head: string): void {
  const { length } = head;
  if (
    transport instanceof NodeSocketTransport && transport.copies &&
    length <= slabLength
  ) {
    const slab = slabWithRoom(length);
    const start = slab.used;
    if (writeAscii(head, slab.bytes, start)) {
      slab.used += length;
      const bytes = slab.bytes.subarray(start, slab.used);
      transport.write([bytes]);
      if (transport.bufferedAmount === 0) giveBackToSlab(bytes);
      return;
    }
  }
  transport.write([toLatin1(head)]);
}
