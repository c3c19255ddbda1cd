// `ws` as subscribers, each with an agreement of its own. To be run on Node: Bun
// replaces `ws` with a package of its own. Its arguments are the URL and the
// options `perMessageDeflate` of each client, as JSON. When all are open it prints
// a line, and when each has received the text "end", what each has received.

import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import process from "node:process";
import { type PerMessageDeflateOptions, type RawData, WebSocket } from "ws";
import { certificate } from "../../support/certificate.ts";

const url = process.argv[2];
const agreements: (PerMessageDeflateOptions | boolean)[] = JSON.parse(
  process.argv[3],
);

const clients = agreements.map((perMessageDeflate) => {
  const socket = new WebSocket(url, { perMessageDeflate, ca: certificate });
  const hash = createHash("sha256");
  let count = 0;
  const opened = new Promise((resolve) => socket.on("open", resolve));
  const result = new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`closed with ${code}`)));
    socket.on("message", (data: RawData, isBinary: boolean) => {
      const bytes = data as Buffer;
      if (!isBinary && bytes.toString() === "end") {
        resolve({ count, hash: hash.digest("hex") });
        return;
      }
      count++;
      hash.update(`${isBinary ? "binary" : "text"} ${bytes.length} `);
      hash.update(bytes);
    });
  });
  return { opened, result };
});
await Promise.all(clients.map(({ opened }) => opened));
console.log("open");
console.log(JSON.stringify(
  await Promise.all(clients.map(({ result }) => result)),
));
process.exit();
