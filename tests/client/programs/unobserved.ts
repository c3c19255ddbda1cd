/**
 * Run as a process of its own by process_test.ts: clients that end in every way
 * while nobody looks at a promise of theirs. On all runtimes a rejection that is
 * not handled ends the process with another code than 0, and so does a timer or
 * a socket that is left, because the process is then ended from outside.
 */

import { createServer } from "node:net";
import process from "node:process";
import { serve, WebSocketStream } from "../../../mod.ts";
import { certificate, privateKey } from "../../support/certificate.ts";

if (process.argv.includes("--unhandled")) {
  Promise.reject(new Error("not handled"));
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** For promises of this program: on a busy machine a client may not be open. */
const notYet = (): void => {};

// One that accepts TCP and then ends it.
const silent = createServer((socket) => {
  socket.on("error", () => {});
  setTimeout(() => socket.destroy(), 100);
});
await new Promise<void>((resolve) => {
  silent.listen(0, "127.0.0.1", () => resolve());
});
const { port } = silent.address() as { port: number };

for (const tls of [{}, { cert: certificate, key: privateKey }]) {
  const opened = new Set<string>();
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    upgrade: ({ url }) =>
      url.endsWith("/no") ? new Response("no", { status: 403 }) : undefined,
    ...tls,
  }, {
    open: (socket) => {
      opened.add(socket.url.slice(socket.url.lastIndexOf("/") + 1));
      if (socket.url.endsWith("/kick")) socket.close({ closeCode: 4000 });
      if (socket.url.endsWith("/drop")) socket.terminate();
      socket.send("hello");
    },
  });
  await server.ready;
  const { url } = server;
  const caCerts = [certificate];
  const scheme = url.slice(0, url.indexOf(":"));

  const never = [
    new WebSocketStream(url, { signal: AbortSignal.abort() }),
    new WebSocketStream(url, { caCerts, signal: AbortSignal.timeout(1) }),
    new WebSocketStream(`${url}no`, { caCerts }),
    new WebSocketStream(`${scheme}://127.0.0.1:${port}`),
    new WebSocketStream(`${scheme}://127.0.0.1:${port}`, {
      handshakeTimeout: 50,
    }),
    new WebSocketStream("ws://127.0.0.1:1"),
    new WebSocketStream("wss://weir.invalid"),
    new WebSocketStream(url, { caCerts, protocols: "none" }),
    ...tls.cert === undefined ? [] : [new WebSocketStream(url)],
  ];
  new WebSocketStream(url, { caCerts }).close();
  const paths = ["kick", "drop", "close", "terminate", "dispose"];
  const open = paths.map((path) =>
    new WebSocketStream(url + path, { caCerts, closeTimeout: 100 })
  );
  // Only one of the promises is looked at, or none.
  never[0].closed.catch(() => {});
  never[2].opened.catch(() => {});
  open[1].opened.catch(() => {});
  for (let turn = 0; turn < 1000; turn++) {
    if (paths.every((path) => opened.has(path))) break;
    await pause(10);
  }
  await pause(100);
  for (const stream of open) {
    stream.opened.then((socket) => {
      socket.send("late");
      socket.ping();
    }, notYet);
  }
  open[2].close();
  open[3].opened.then((socket) => socket.terminate(), notYet);
  void open[4][Symbol.asyncDispose]();
  await pause(300);
  await server.shutdown();
}
silent.close();
console.log("all over");
