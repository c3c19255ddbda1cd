// The demonstration server as its users meet it: a process on this runtime.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { certificate, privateKey } from "./support/certificate.ts";
import { listen, run, start } from "./demonstration/server_process.ts";
import type { ServerProcess } from "./demonstration/server_process.ts";

const paths = ["/echo", "/echo-stream", "/echo-incoming", "/chat"];

let server: ServerProcess;
let directory: string;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "weir-server-"));
  server = await listen("--port", "0");
});

after(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

test("server.ts --help prints every flag and ends with 0", async () => {
  const { code, stdout, stderr } = await run("--help");
  assert.equal(code, 0);
  assert.equal(stderr, "");
  for (const name of ["port", "hostname", "cert", "key", "unix", "help"]) {
    assert.ok(stdout.includes(`--${name}`), `${name} is in ${stdout}`);
  }
});

test("server.ts answers bad flags with one line and exit code 2", async () => {
  await assertOneLine(["--prot=1"], 2, /Unknown flag --prot/);
  await assertOneLine(["--port"], 2, /--port needs a value/);
  await assertOneLine(["--port=65536"], 2, /from 0 to 65535, not "65536"/);
  await assertOneLine(["--cert=x.pem"], 2, /--cert needs --key/);
  await assertOneLine(
    ["--cert=/no/such.pem", "--key=/no/such.pem"],
    2,
    /cannot read "\/no\/such.pem"/,
  );
  await assertOneLine(["--unix=x.sock", "--port=0"], 2, /--unix and --port/);
});

test("server.ts says in one line why it cannot listen", async () => {
  const { port } = new URL(server.address);
  await assertOneLine(["--port", port], 1, /port is in use/);
  const path = join(directory, "no", "such", "directory.sock");
  await assertOneLine(["--unix", path], 1, /Cannot listen on .*directory.sock/);
  await assertOneLine(["--unix", directory], 1, /it is a directory, choose/);
  const cert = join(directory, "broken.pem");
  const key = join(directory, "broken-key.pem");
  writeFileSync(cert, pem("CERTIFICATE"));
  writeFileSync(key, pem("PRIVATE KEY"));
  await assertOneLine(
    ["--port=0", "--cert", cert, "--key", key],
    1,
    /^Cannot listen on 127.0.0.1:0: ./,
  );
});

test("server.ts prints its address and every path", () => {
  const lines = server.announcement.split("\n");
  assert.match(lines[0], /^Weir listens on http:\/\/127\.0\.0\.1:[1-9]\d*\/$/);
  for (const path of paths) {
    const expected = new URL(path, server.address).href.replace("http", "ws");
    assert.equal(server.urlOf(path), expected);
  }
});

test("GET /health answers 200 ok, HEAD the same without a body", async () => {
  const response = await fetch(new URL("/health", server.address));
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "ok");
  const head = await fetch(new URL("/health", server.address), {
    method: "HEAD",
  });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
  const post = await fetch(new URL("/health", server.address), {
    method: "POST",
    body: "x",
  });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get("allow"), "GET, HEAD");
  await post.body?.cancel();
});

test("GET / serves the page with everything it names", async () => {
  const response = await fetch(server.address);
  assert.equal(response.status, 200);
  const html = await response.text();
  const named = [...html.matchAll(/(?:src|href)="([^"]*)"/g)];
  assert.ok(named.length > 0);
  for (const [, path] of named) {
    const asset = await fetch(new URL(path, server.address));
    assert.equal(asset.status, 200, path);
    assert.ok((await asset.text()).length > 0, path);
  }
});

test("a plain request to nowhere gets 404, to a WebSocket path 426", async () => {
  const missing = await fetch(new URL("/nowhere", server.address));
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /\/nowhere.*\/echo.*\/chat/s);
  const plain = await fetch(new URL("/echo", server.address));
  assert.equal(plain.status, 426);
  assert.equal(plain.headers.get("upgrade"), "websocket");
  await plain.body?.cancel();
});

test("an upgrade to nowhere gets 404 that names the paths", async () => {
  const { hostname, port } = new URL(server.address);
  const answer = await upgrade(
    connect(Number(port), hostname),
    "/nowhere",
    (text) => text.includes("/chat"),
  );
  assert.match(answer, /^HTTP\/1\.1 404 /);
  for (const path of paths) assert.ok(answer.includes(path), answer);
});

for (const path of ["/echo", "/echo-stream", "/echo-incoming"]) {
  test(`${path} echoes text, binary, empty and large messages`, async () => {
    const client = await open(server.urlOf(path));
    try {
      const large = "ü🌊 ".repeat(50_000);
      for (const text of ["hello", "", large]) {
        client.socket.send(text);
        assert.equal(await client.next(), text);
      }
      const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at * 7);
      for (const data of [bytes, new Uint8Array(0)]) {
        client.socket.send(data);
        const echo = await client.next();
        assert.ok(echo instanceof ArrayBuffer, "it comes back as binary");
        assert.deepEqual(new Uint8Array(echo), data);
      }
      const inOrder = Array.from({ length: 100 }, (_, at) => `message ${at}`);
      for (const text of inOrder) client.socket.send(text);
      for (const text of inOrder) assert.equal(await client.next(), text);

      client.socket.close(1000, "done");
      const { code, wasClean } = await client.closed;
      assert.deepEqual({ code, wasClean }, { code: 1000, wasClean: true });
    } finally {
      client.socket.close();
    }
  });
}

test("/chat relays to all others and not to the sender", async () => {
  const clients = await Promise.all(
    [1, 2, 3].map(() => open(server.urlOf("/chat"))),
  );
  const [first, second, third] = clients;
  try {
    first.socket.send("from the first");
    assert.equal(await second.next(), "from the first");
    assert.equal(await third.next(), "from the first");
    // Had the sender got its own message, that would arrive before this one.
    second.socket.send(Uint8Array.of(1, 2, 3));
    for (const client of [first, third]) {
      const message = await client.next();
      assert.ok(message instanceof ArrayBuffer, "it arrives as binary");
      assert.deepEqual(new Uint8Array(message), Uint8Array.of(1, 2, 3));
    }
    third.socket.close(1000);
    await third.closed;
    first.socket.send("to who is left");
    assert.equal(await second.next(), "to who is left");
  } finally {
    for (const { socket } of clients) socket.close();
  }
});

test("server.ts shuts down as usual although nobody reads its output", async () => {
  const path = join(directory, "unread.sock");
  const own = start("--unix", path);
  try {
    own.stopReading();
    const client = await connected(path);
    const isOpen = (text: string) => text.includes("\r\n\r\n");
    assert.match(await upgrade(client, "/echo", isOpen, true), / 101 /);
    const end = new Promise<Uint8Array>((resolve) => {
      client.once("data", resolve);
      client.once("close", () => resolve(new Uint8Array()));
    });
    own.kill("SIGTERM");
    const closing = [...await end].slice(0, 4);
    client.destroy();
    const { code, stderr } = await own.finished;
    assert.equal(stderr, "");
    assert.equal(code, 0);
    // A close frame with 1001.
    assert.deepEqual(closing, [0x88, 18, 0x03, 0xe9]);
  } finally {
    own.kill("SIGKILL");
  }
});

/** Connects to a socket as soon as somebody listens on it. */
async function connected(path: string): Promise<Socket> {
  const end = performance.now() + 15_000;
  while (true) {
    const socket = connect(path);
    const isOpen = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return socket;
    assert.ok(performance.now() < end, `nobody listens on ${path}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} closes every client with 1001 and ends with 0`, async () => {
    const own = await listen("--port=0");
    try {
      const clients = await Promise.all(
        paths.map((path) => open(own.urlOf(path))),
      );
      own.kill(signal);
      for (const { closed } of clients) {
        const { code, reason, wasClean } = await closed;
        assert.deepEqual({ code, reason, wasClean }, {
          code: 1001,
          reason: "The server stops",
          wasClean: true,
        });
      }
      const { code, stdout, stderr } = await own.finished;
      assert.equal(stderr, "");
      assert.match(stdout, new RegExp(`${signal}: closing 4 connections`));
      assert.equal(code, 0);
    } finally {
      await own[Symbol.asyncDispose]();
    }
  });
}

test("a second signal ends the server at once, whoever is connected", async () => {
  const own = await listen("--port=0");
  const { hostname, port } = new URL(own.address);
  const silent = connect(Number(port), hostname);
  let repeat: ReturnType<typeof setInterval> | undefined;
  try {
    const isOpen = (text: string) => text.includes("\r\n\r\n");
    assert.match(await upgrade(silent, "/echo", isOpen, true), / 101 /);
    const startedAt = performance.now();
    own.kill("SIGTERM");
    repeat = setInterval(() => own.kill("SIGTERM"), 50);
    const { code } = await own.finished;
    assert.equal(code, 143);
    const took = performance.now() - startedAt;
    assert.ok(took > 400, `signals of one Ctrl-C count once (${took} ms)`);
  } finally {
    clearInterval(repeat);
    silent.destroy();
    await own[Symbol.asyncDispose]();
  }
});

test("--unix listens on a Unix socket", async () => {
  const path = join(directory, "weir.sock");
  const own = await listen("--unix", path);
  try {
    assert.equal(own.address, path);
    assert.ok(own.announcement.includes(`ws+unix:${path}:/echo `));
    assert.deepEqual(await healthOver(path), { status: 200, text: "ok" });
    const isOpen = (text: string) => text.includes("\r\n\r\n");
    assert.match(await upgrade(connect(path), "/echo", isOpen), acceptedKey);
  } finally {
    await own[Symbol.asyncDispose]();
  }
});

test("--cert and --key serve https: and wss:", async () => {
  const cert = join(directory, "cert.pem");
  const key = join(directory, "key.pem");
  writeFileSync(cert, certificate);
  writeFileSync(key, privateKey);
  const own = await listen("--port=0", "--cert", cert, "--key", key);
  try {
    const { protocol, hostname, port } = new URL(own.address);
    assert.equal(protocol, "https:");
    assert.equal(own.urlOf("/chat"), `wss://127.0.0.1:${port}/chat`);
    const secure = () =>
      connectTls({
        port: Number(port),
        host: hostname,
        ca: certificate,
        servername: "localhost",
      });
    const health = await exchange(
      secure(),
      "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      (text) => text.includes("\r\n\r\n") && text.includes("ok"),
    );
    assert.match(health, /^HTTP\/1\.1 200 /);
    const isOpen = (text: string) => text.includes("\r\n\r\n");
    assert.match(await upgrade(secure(), "/echo", isOpen), acceptedKey);
  } finally {
    await own[Symbol.asyncDispose]();
  }
});

test("all of this has left nothing on the server's stderr", async () => {
  server.kill("SIGTERM");
  const { code, stderr } = await server.finished;
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

async function assertOneLine(
  args: string[],
  code: number,
  expected: RegExp,
): Promise<void> {
  const finished = await run(...args);
  assert.match(finished.stderr, expected);
  assert.match(finished.stderr, /^[^\n]+\n$/, "it is one line");
  assert.equal(finished.stdout, "");
  assert.equal(finished.code, code);
}

function pem(label: string): string {
  return `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
}

interface Client {
  socket: WebSocket;
  /** The next message that arrives. */
  next(): Promise<string | ArrayBuffer>;
  closed: Promise<CloseEvent>;
}

async function open(url: string): Promise<Client> {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const arrived: (string | ArrayBuffer)[] = [];
  let wake = () => {};
  let isClosed = false;
  socket.addEventListener("message", ({ data }) => {
    arrived.push(data);
    wake();
  });
  const closed = new Promise<CloseEvent>((resolve) => {
    socket.addEventListener("close", (event) => {
      isClosed = true;
      resolve(event);
      wake();
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener(
      "error",
      () => reject(new Error(`Cannot open ${url}`)),
    );
  });
  return {
    socket,
    closed,
    async next() {
      while (arrived.length === 0) {
        if (isClosed) throw new Error(`${url} closed before a message came`);
        await new Promise<void>((resolve) => wake = resolve);
      }
      return arrived.shift()!;
    },
  };
}

/** The accept key that belongs to the key of {@linkcode upgrade} (RFC 6455, 1.3). */
const acceptedKey =
  /^HTTP\/1\.1 101 .*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/is;

/** Asks for an upgrade by hand, where the runtime's WebSocket cannot go. */
function upgrade(
  socket: Socket,
  path: string,
  isEnough: (answer: string) => boolean,
  keepOpen = false,
): Promise<string> {
  const head = [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "\r\n",
  ].join("\r\n");
  return exchange(socket, head, isEnough, keepOpen);
}

/** Sends a request and resolves with the answer as far as it is wanted. */
async function exchange(
  socket: Socket,
  head: string,
  isEnough: (answer: string) => boolean,
  keepOpen = false,
): Promise<string> {
  try {
    return await new Promise((resolve, reject) => {
      let answer = "";
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`Closed after: ${answer}`)));
      socket.on("data", (chunk) => {
        answer += chunk.toString("latin1");
        if (isEnough(answer)) resolve(answer);
      });
      socket.write(head);
    });
  } finally {
    if (!keepOpen) socket.destroy();
  }
}

function healthOver(
  socketPath: string,
): Promise<{ status?: number; text: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: "/health" }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => text += chunk);
      response.on("end", () => resolve({ status: response.statusCode, text }));
    }).on("error", reject).end();
  });
}
