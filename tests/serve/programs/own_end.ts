// A program that must end by itself, for process_test.ts. Its argument says what
// it does first; what would keep it running is a leak.

import process from "node:process";
import { serve, type Server } from "../../../mod.ts";
import { certificate, privateKey } from "../../support/certificate.ts";
import { closeFrame, handshake, RawClient } from "../../support/raw_client.ts";

const [what, transport] = process.argv.slice(2);
const place = transport === "tls"
  ? { hostname: "127.0.0.1", port: 0, cert: certificate, key: privateKey }
  : { hostname: "127.0.0.1", port: 0 };
const target = ({ addr }: Server) => ({
  port: (addr as { port: number }).port,
  secure: transport === "tls",
});
const echo = {
  message: (socket: { send(m: unknown): unknown }, message: unknown) =>
    socket.send(message),
};

const programs: Record<string, () => Promise<void>> = {
  /** Nobody asks whether it listens. */
  async portInUse() {
    const first = serve(place, echo);
    await first.ready;
    setTimeout(() => process.exit(0), 5000);
    serve({ ...place, port: target(first).port }, echo);
  },

  async unref() {
    const server = serve(place, echo);
    await server.ready;
    server.unref();
  },

  async unrefAtOnce() {
    const server = serve(place, echo);
    server.unref();
    await server.ready;
  },

  /** A client has come and gone. */
  async unrefServed() {
    const server = serve(place, echo);
    await server.ready;
    server.unref();
    const client = await RawClient.open(target(server));
    await client.closeCleanly();
  },

  async refAgain() {
    const server = serve(place, echo);
    await server.ready;
    server.unref();
    server.ref();
    setTimeout(() => {
      console.log("still running");
      server.shutdown();
    }, 300).unref();
  },

  async refBeforeReady() {
    const server = serve(place, echo);
    server.unref();
    server.ref();
    await server.ready;
    setTimeout(() => {
      console.log("still running");
      server.shutdown();
    }, 300).unref();
  },

  async shutdown() {
    const server = serve(
      { ...place, fetch: () => new Response("hello") },
      echo,
    );
    await server.ready;
    const client = await RawClient.open(target(server));
    client.send(1, "hello");
    await client.text();
    const plain = await RawClient.connect(target(server));
    plain.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await plain.response();
    const refused = await RawClient.connect(target(server));
    refused.write(handshake({ version: "1.0" }).request);
    await refused.response();
    refused.destroy();
    const done = server.shutdown();
    await client.close();
    client.write(closeFrame(1001));
    await client.untilEnded();
    client.socket.end();
    await done;
    plain.destroy();
  },
};

await programs[what]();
console.log("done");
