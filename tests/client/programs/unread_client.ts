/**
 * Run as a process of its own by backpressure_test.ts: a client that reads only
 * when it is told to. For each line on its standard input it prints its resident
 * memory and how many bytes it has read.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { type WebSocketConnection, WebSocketStream } from "../../../mod.ts";
import { certificate } from "../../support/certificate.ts";

let socket: WebSocketConnection | null = null;
let received = 0;

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "connect") {
    const stream = new WebSocketStream(process.argv[2], {
      caCerts: [certificate],
    });
    socket = await stream.opened;
  } else if (line === "read") {
    for await (const { length } of socket!.readable) received += length;
  }
  console.log(JSON.stringify([process.memoryUsage().rss, received]));
}
