// A server process with a backplane. Who connects to /TOPIC is subscribed to it;
// who connects to / gives commands.

import process from "node:process";
import { serve, type WebSocketConnection } from "../../../mod.ts";
import { afterThisTurn } from "../../../src/turn.ts";
import { type ClientName, connectBackplane } from "../clients.ts";
import type { Command, Feed } from "../server_processes.ts";

const [client, port] = process.argv.slice(2);
const backplane = await connectBackplane(
  client as ClientName,
  Number(port),
);
const errors: string[] = [];
let stopped = false;

const server = serve({
  hostname: "127.0.0.1",
  port: 0,
  deflate: false,
  // The subscribers may be sockets that answer no ping.
  keepAlive: false,
  backplane,
  onError: (error) => errors.push(String(error)),
}, {
  open(socket) {
    const topic = decodeURIComponent(new URL(socket.url).pathname.slice(1));
    if (topic !== "") socket.subscribe(topic);
  },
  message(socket, message) {
    const command: Command = JSON.parse(String(message));
    if (command.do === "feed") feed(socket, command);
    else if (command.do === "stop") stopped = true;
    else answer(socket, { state: server.topics.backplane, errors });
  },
});
await server.ready;
console.log(server.url);
process.stdin.on("end", () => process.exit()).resume();

function answer(socket: WebSocketConnection, value: unknown): void {
  socket.send(JSON.stringify(value));
}

/** Publishes until all is published, or until it is stopped. */
function feed(socket: WebSocketConnection, command: Feed): void {
  const { name, topic, count, burst, interval, binary } = command;
  let index = 0;
  const publish = (): void => {
    for (let part = 0; part < burst && index < count; part++, index++) {
      const text = `${name}${`${index}`.padStart(6, "0")} ${Date.now()}`;
      const asBytes = binary && index % 3 === 0;
      server.publish(
        topic,
        asBytes ? Uint8Array.of(0xff, ...new TextEncoder().encode(text)) : text,
      );
    }
    if (stopped || index === count) answer(socket, { published: index });
    else if (interval > 0) setTimeout(publish, interval);
    else afterThisTurn(publish);
  };
  publish();
}
