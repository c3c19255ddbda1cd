// The handshake with a server that does as it is told, over TCP.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { WebSocketStream } from "../../mod.ts";
import { opcodes } from "../support/raw_peer.ts";
import { frameBytes } from "../support/raw_peer.ts";
import {
  type RawRequest,
  type ResponseChanges,
  withRawServer,
} from "../support/raw_server.ts";
import { within } from "../support/serve_on.ts";
import { failureOf, finish, open } from "./harness.ts";

test("the request has what RFC 6455 section 4.1 asks for, and what the options add", async () => {
  let request: RawRequest | undefined;
  await withRawServer(async (received) => {
    request = received;
    const peer = received.open({
      headers: { "Sec-WebSocket-Protocol": "chat.v1" },
    });
    assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
    await peer.close(1000);
    await peer.end();
  }, async ({ url }) => {
    const opened = await open(`${url}chat?room=1&x=%20`, {
      protocols: ["chat.v2", "chat.v1"],
      headers: [["Cookie", "a=1"], ["X-Twice", "1"], ["X-Twice", "é"]],
    });
    assert.equal(opened.socket.protocol, "chat.v1");
    assert.equal(opened.socket.extensions, "");
    assert.equal(opened.stream.url, `${url}chat?room=1&x=%20`);
    assert.equal(opened.socket.url, opened.stream.url);
    assert.equal(opened.socket.remoteAddress?.hostname, "127.0.0.1");
    assert.equal(opened.socket.request.headers.get("x-twice"), "1, é");
    await finish(opened);
    assert.ok(request);
    assert.equal(request.line, "GET /chat?room=1&x=%20 HTTP/1.1");
    const key = request.header("sec-websocket-key")!;
    assert.equal(Buffer.from(key, "base64").length, 16);
    assert.equal(key.length, 24);
    assert.deepEqual(request.headers, [
      ["Host", new URL(url).host],
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Key", key],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Protocol", "chat.v2, chat.v1"],
      [
        "Sec-WebSocket-Extensions",
        "permessage-deflate; client_max_window_bits",
      ],
      ["Cookie", "a=1"],
      ["X-Twice", "1"],
      ["X-Twice", "é"],
    ]);
  });
});

test("every handshake has a key of its own", async () => {
  const keys = new Set<string | undefined>();
  await withRawServer((request) => {
    keys.add(request.header("sec-websocket-key"));
    request.open();
  }, async ({ url }) => {
    for (let index = 0; index < 5; index++) {
      (await open(url)).socket.terminate();
    }
  });
  assert.equal(keys.size, 5);
});

test("user and password of the URL become Authorization, unless headers have one", async () => {
  const seen: (string | undefined)[] = [];
  await withRawServer((request) => {
    seen.push(request.header("authorization"));
    assert.equal(
      request.headers.filter(([name]) => /^authorization$/i.test(name)).length,
      1,
    );
    request.open();
  }, async ({ url }) => {
    const withUser = url.replace("ws://", "ws://ada:secret@");
    const first = await open(withUser);
    assert.equal(first.stream.url, url);
    const headers = { authorization: "Bearer token" };
    const second = await open(withUser, { headers });
    first.socket.terminate();
    second.socket.terminate();
  });
  assert.deepEqual(seen, ["Basic YWRhOnNlY3JldA==", "Bearer token"]);
});

test("a Host of the headers stands for the URL's", async () => {
  await withRawServer((request) => {
    assert.equal(request.header("host"), "example.com:81");
    assert.equal(
      request.headers.filter(([name]) => /^host$/i.test(name)).length,
      1,
    );
    request.open();
  }, async ({ url }) => {
    const headers = new Headers({ host: "example.com:81" });
    (await open(url, { headers })).socket.terminate();
  });
});

test("frames behind the response, in the same write, reach the application", async () => {
  await withRawServer((request) => {
    request.socket.write(Buffer.concat([
      Buffer.from(request.response(), "latin1"),
      frameBytes(opcodes.text, "first", { masked: false }),
      frameBytes(opcodes.text, "second", { masked: false }),
      frameBytes(opcodes.text, "thi", { masked: false, fin: false }),
    ]));
    setTimeout(() => {
      request.socket.write(
        frameBytes(opcodes.continuation, "rd", { masked: false }),
      );
    }, 20);
  }, async ({ url }) => {
    const { socket } = await open(url);
    // Later than the frames are there: none is lost.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const messages: unknown[] = [];
    for await (const message of socket.readable) {
      if (messages.push(message) === 3) break;
    }
    assert.deepEqual(messages, ["first", "second", "third"]);
    socket.terminate();
  });
});

test("a message and a Close behind the response are seen, however late the reader", async () => {
  await withRawServer(async (request) => {
    const peer = request.open();
    await peer.text("bye");
    await peer.close(4000, "at once");
    assert.deepEqual(await peer.readClose(), { closeCode: 4000, reason: "" });
    await peer.end();
  }, async ({ url }) => {
    const { stream, socket } = await open(url);
    const closed = { closeCode: 4000, reason: "at once" };
    assert.deepEqual(await within(stream.closed, "closed"), closed);
    const reader = socket.readable.getReader();
    assert.equal((await reader.read()).value, "bye");
    assert.equal((await reader.read()).done, true);
  });
});

test("a response and frames that come byte by byte", async () => {
  await withRawServer(async (request) => {
    const bytes = Buffer.concat([
      Buffer.from(request.response(), "latin1"),
      frameBytes(opcodes.text, "hello", { masked: false }),
    ]);
    for (const byte of bytes) {
      request.socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }, async ({ url }) => {
    const { socket } = await open(url);
    const reader = socket.readable.getReader();
    assert.equal((await within(reader.read(), "a message")).value, "hello");
    socket.terminate();
  });
});

const accepted: readonly (readonly [what: string, changes: ResponseChanges])[] =
  [
    ["without a reason phrase", { line: "HTTP/1.1 101" }],
    ["with an empty reason phrase", { line: "HTTP/1.1 101 " }],
    ["whose Upgrade is in capitals", { headers: { Upgrade: "WEBSOCKET" } }],
    ["whose Connection is a list", {
      headers: { Connection: "keep-alive, uPGRADE" },
    }],
    ["with two Connection lines", {
      headers: { Connection: ["keep-alive", "Upgrade"] },
    }],
    ["with spaces and tabs around a value", {
      headers: { Upgrade: " \t websocket \t " },
    }],
    ["with further headers", {
      headers: { "Set-Cookie": ["a=1", "b=2"], Server: "é", Empty: "" },
    }],
    ["behind a 100 and a 103", {
      line:
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 OK",
    }],
  ];

for (const [what, changes] of accepted) {
  test(`a response ${what} is accepted`, async () => {
    await withRawServer((request) => request.open(changes), async ({ url }) => {
      const { socket } = await open(url);
      assert.equal(socket.protocol, "");
      socket.terminate();
    });
  });
}

const refused: readonly (readonly [
  what: string,
  changes: ResponseChanges,
  message: RegExp,
])[] = [
  ["of HTTP/1.0", { line: "HTTP/1.0 101 OK" }, /HTTP\/1\.0/],
  ["of HTTP/2", { line: "HTTP/2 101 OK" }, /HTTP\/2/],
  ["of a status line with two spaces", { line: "HTTP/1.1  101 OK" }, /status/],
  ["of a status with four digits", { line: "HTTP/1.1 1010 OK" }, /status/],
  ["of status 099", { line: "HTTP/1.1 099 OK" }, /status/],
  ["with a control character in the reason", {
    line: "HTTP/1.1 101 \x1b[31m",
  }, /status.*\\u001b/],
  ["without Upgrade", { headers: { Upgrade: null } }, /Upgrade is missing/],
  ["with another Upgrade", { headers: { Upgrade: "h2c" } }, /Upgrade is "h2c"/],
  ["with two Upgrades", {
    headers: { Upgrade: ["websocket", "websocket"] },
  }, /Upgrade is "websocket, websocket"/],
  ["without Connection", {
    headers: { Connection: null },
  }, /Connection is missing/],
  ["with another Connection", {
    headers: { Connection: "close, upgraded" },
  }, /Connection is "close, upgraded"/],
  ["without Sec-WebSocket-Accept", {
    headers: { "Sec-WebSocket-Accept": null },
  }, /Sec-WebSocket-Accept is missing/],
  ["with another Sec-WebSocket-Accept", {
    headers: { "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" },
  }, /Sec-WebSocket-Accept is "s3p/],
  ["with a subprotocol that was not asked for", {
    headers: { "Sec-WebSocket-Protocol": "chat" },
  }, /"chat" where no subprotocol was offered/],
  ["with an empty subprotocol", {
    headers: { "Sec-WebSocket-Protocol": "" },
  }, /Sec-WebSocket-Protocol is ""/],
  ["with an extension that was not offered", {
    headers: { "Sec-WebSocket-Extensions": "x-mux" },
  }, /"x-mux" was not offered/],
  ["with the same extension twice", {
    headers: {
      "Sec-WebSocket-Extensions": ["permessage-deflate", "permessage-deflate"],
    },
  }, /accepted 2 times/],
  ["with an ill extension header", {
    headers: { "Sec-WebSocket-Extensions": "permessage-deflate; =" },
  }, /a parameter's name/],
  ["with a window that was not offered", {
    headers: {
      "Sec-WebSocket-Extensions":
        "permessage-deflate; client_max_window_bits=16",
    },
  }, /client_max_window_bits/],
  ["with an unknown parameter", {
    headers: { "Sec-WebSocket-Extensions": "permessage-deflate; x=1" },
  }, /no parameter "x"/],
  ["with a folded header", {
    headers: { "X-Folded": "one\r\n two" },
  }, /header line is " two"/],
  ["with a space before the colon", {
    line: "HTTP/1.1 101 OK\r\nX-Spaced : one",
  }, /header line is "X-Spaced : one"/],
  ["with a line that is no header", {
    line: "HTTP/1.1 101 OK\r\nnonsense",
  }, /header line is "nonsense"/],
  ["with a line feed alone", {
    headers: { "X-Feed": "one\nX-Two: two" },
  }, /header line/],
  ["with a carriage return alone", {
    headers: { "X-Return": "one\rtwo" },
  }, /header line/],
  ["with a NUL", { headers: { "X-Null": "a\0b" } }, /header line/],
];

for (const [what, changes, message] of refused) {
  test(`a response ${what} is refused`, async () => {
    await withRawServer(
      (request) => request.open(changes),
      async ({ url, whenEmpty }) => {
        await failureOf(new WebSocketStream(url), message);
        await within(whenEmpty(), "the end of the connection");
      },
    );
  });
}

test("with protocols, the server must choose exactly one of them", async () => {
  let answer: string | readonly string[] | null = null;
  await withRawServer(
    (request) =>
      request.open({ headers: { "Sec-WebSocket-Protocol": answer } }),
    async ({ url }) => {
      const protocols = ["a", "b"];
      for (
        const [chosen, message] of [
          [null, /chooses none/],
          ["", /is ""/],
          ["c", /is "c" where one of "a, b"/],
          ["A", /is "A"/],
          ["a, b", /is "a, b"/],
          [["a", "b"], /is "a, b"/],
        ] as const
      ) {
        answer = chosen;
        await failureOf(new WebSocketStream(url, { protocols }), message);
      }
      answer = "b";
      const { socket } = await open(url, { protocols });
      assert.equal(socket.protocol, "b");
      socket.terminate();
    },
  );
});

test("without deflate no extension is offered, and none accepted", async () => {
  let extensions: string | null = null;
  await withRawServer((request) => {
    assert.equal(request.header("sec-websocket-extensions"), undefined);
    request.open({ headers: { "Sec-WebSocket-Extensions": extensions } });
  }, async ({ url }) => {
    const { socket } = await open(url, { deflate: false });
    assert.equal(socket.extensions, "");
    socket.terminate();
    extensions = "permessage-deflate";
    await failureOf(
      new WebSocketStream(url, { deflate: false }),
      /"permessage-deflate" was not offered/,
    );
  });
});
