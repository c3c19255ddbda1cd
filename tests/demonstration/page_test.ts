// The page of the demonstration server, over HTTP and in Chromium.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Peer } from "../interop/peer.ts";
import { findChromium } from "../support/chromium.ts";
import { scriptCommand } from "../support/runtime.ts";
import { listen, type ServerProcess } from "./server_process.ts";

const script = fileURLToPath(new URL("./page_scenarios.ts", import.meta.url));
const folder = new URL("../../src/demonstration/page/", import.meta.url);

let server: ServerProcess;
let chromium: Peer;

before(async () => {
  const { program, arguments: given } = scriptCommand(script, "node");
  [server, chromium] = await Promise.all([
    listen("--port", "0"),
    Peer.start({ program, arguments: [...given, findChromium()] }),
  ]);
});

after(async () => {
  await chromium?.stop();
  await server?.[Symbol.asyncDispose]();
});

const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

test("page: each file is served with its type and a strict policy", async () => {
  const names = readdirSync(folder);
  assert.ok(names.length > 5);
  for (const name of names) {
    const path = name === "index.html" ? "/" : `/${name}`;
    const response = await fetch(new URL(path, server.address));
    assert.equal(response.status, 200, path);
    const { headers } = response;
    assert.equal(headers.get("content-type"), types[name.split(".")[1]]);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    const policy = headers.get("content-security-policy")!.split("; ");
    assert.deepEqual(policy, [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    const text = await response.text();
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|eval\(/);
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org\/2000\/svg")/);
  }
});

test("page: nothing is inside the HTML that belongs into a file", async () => {
  const html = await (await fetch(server.address)).text();
  assert.match(html, /<script type="module" src="\/main\.js">/);
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]* src=)|\son\w+=/);
});

test("page: HEAD answers without a body, other methods get 405", async () => {
  const head = await fetch(server.address, { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
  const post = await fetch(server.address, { method: "POST", body: "x" });
  assert.equal(post.status, 405);
  await post.body?.cancel();
});

for (
  const path of [
    "/index.html",
    "/page/index.html",
    "/main.js/",
    "/__proto__",
    "/page.ts",
    "/../page.ts",
    "/../../../server.ts",
    "/%2e%2e/page.ts",
    "/..%2fpage.ts",
    "/..%5cpage.ts",
    "/main.js%00.css",
    "//etc/passwd",
    "/etc/passwd",
  ]
) {
  test(`page: ${path} is not there`, async () => {
    assert.match(await get(path), /^HTTP\/1\.1 404 /);
  });
}

const scenarios = {
  rooms: "two pages see each other come, talk and go",
  hostile: "names and messages inject nothing",
  charts: "the charts follow what the page does",
  reconnection: "the echo load comes back after its connection was lost",
  flood: "a slow reader slows the sender, and memory stays flat",
  file: "a file comes back the same, and a changed byte is noticed",
  appearance: "it fits 360 pixels and can be read, light and dark",
};

for (const [scenario, about] of Object.entries(scenarios)) {
  test(`page in Chromium: ${about}`, async () => {
    await chromium.run({ scenario, url: server.address });
  });
}

for (
  const path of [
    "/rooms",
    "/rooms?room=a&name=",
    `/rooms?room=a&name=${"n".repeat(41)}`,
    "/flood",
    "/flood?watch=a",
    "/figures?watch=a",
  ]
) {
  test(`page: a connection to ${path} is closed with 1008`, async () => {
    const { code, reason } = await closeOf(path);
    assert.equal(code, 1008);
    assert.ok(reason.length > 0);
  });
}

for (
  const message of [
    "no JSON",
    "null",
    '{"type":"say"}',
    JSON.stringify({ type: "say", text: "t".repeat(2001) }),
    '{"type":"here","to":1}',
    Uint8Array.of(1),
  ]
) {
  test(`page: a room closes with 1008 upon ${String(message).slice(0, 30)}`, async () => {
    const { code } = await closeOf("/rooms?room=a&name=b", message);
    assert.equal(code, 1008);
  });
}

test("page: all of this has left nothing on the server's stderr", async () => {
  server.kill("SIGTERM");
  const { code, stderr } = await server.finished;
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

/** Asks for a path as it is: `fetch()` would tidy it up. */
function get(path: string): Promise<string> {
  const { hostname, port } = new URL(server.address);
  const socket = connect(Number(port), hostname);
  return new Promise((resolve, reject) => {
    let answer = "";
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer")));
    socket.on("error", reject);
    socket.on("data", (chunk) => answer += chunk.toString("latin1"));
    socket.on("end", () => {
      socket.destroy();
      resolve(answer);
    });
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
  });
}

/** How the server closes a connection on which a message may be sent. */
function closeOf(
  path: string,
  message?: string | Uint8Array<ArrayBuffer>,
): Promise<CloseEvent> {
  const socket = new WebSocket(
    new URL(path, server.address.replace("http", "ws")),
  );
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error("not closed"));
      socket.close();
    }, 10_000);
    socket.addEventListener("open", () => {
      if (message !== undefined) socket.send(message);
    });
    socket.addEventListener("close", (event) => {
      clearTimeout(timer);
      resolve(event);
    });
  });
}
