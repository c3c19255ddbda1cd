// examples/upload.ts as a process: what stands on the disk in the end.

import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocketStream } from "../../mod.ts";
import { frame, opcodes, RawClient } from "../support/raw_client.ts";
import { until, within } from "../support/serve_on.ts";
import { Client } from "./client.ts";
import { refusalOf, startAll } from "./example_process.ts";

const limit = 128 * 2 ** 20;
const smallLimit = 100_000;
const folder = mkdtempSync(join(tmpdir(), "weir-upload-test-"));
const smallFolder = mkdtempSync(join(tmpdir(), "weir-upload-test-"));
const examples = startAll({
  upload: ["upload.ts", { UPLOADS: folder, MAX_FILE_SIZE: String(limit) }],
  small: [
    "upload.ts",
    { UPLOADS: smallFolder, MAX_FILE_SIZE: String(smallLimit) },
  ],
});

test("examples/upload.ts: a limit that is no number of bytes is refused", async () => {
  const environment = { UPLOADS: smallFolder, MAX_FILE_SIZE: "1MB" };
  assert.match(
    await refusalOf("upload.ts", environment),
    /MAX_FILE_SIZE must be a number of bytes, not 1MB/,
  );
});

test("examples/upload.ts: files are stored, whole or not at all, under safe names", async () => {
  try {
    await examples.small(async (example) => {
      const page = await fetch(example.http());
      assert.match(page.headers.get("content-type")!, /^text\/html/);
      assert.match(await page.text(), /<input type="file">/);

      const content = new Uint8Array(smallLimit)
        .map((_, index) => (index * index) >> 3);
      const client = await Client.open(example.ws());
      for (
        const [name, bytes] of [
          ["häuser (1).bin", content],
          ["empty", new Uint8Array(0)],
        ] as const
      ) {
        client.send(JSON.stringify({ name }));
        client.send(bytes);
        assert.deepEqual(JSON.parse(String(await client.next())), {
          name,
          size: bytes.length,
        });
        assert.ok(readFileSync(join(smallFolder, name)).equals(bytes));
      }
      writeFileSync(join(smallFolder, "mine.txt"), "mine");
      client.send(JSON.stringify({ name: "mine.txt" }));
      client.send(new Uint8Array(10));
      assert.match(String(await client.next()), /a file of this name already/);
      assert.equal(readFileSync(join(smallFolder, "mine.txt"), "utf8"), "mine");
      assert.equal((await client.close()).code, 1000);

      const unsafe = [
        "",
        ".",
        "..",
        ".profile",
        "-rf",
        "../escaped",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "C:x",
        "CON",
        "nul.txt",
        "dot.",
        "new\nline",
        "zero\0",
        "x".repeat(101),
        7,
        null,
      ];
      await Promise.all(unsafe.map(async (name) => {
        const client = await Client.open(example.ws());
        client.send(JSON.stringify({ name }));
        assert.deepEqual(
          await within(client.closed, `the end for ${JSON.stringify(name)}`),
          { code: 1008, reason: "this name can't be a file's here" },
        );
      }));
      const nameless = await Client.open(example.ws());
      nameless.send(new Uint8Array(10));
      assert.equal((await within(nameless.closed, "the end")).code, 1008);

      const large = await Client.open(example.ws());
      large.send(JSON.stringify({ name: "large" }));
      large.send(new Uint8Array(smallLimit + 1));
      assert.deepEqual(await within(large.closed, "the end"), {
        code: 1009,
        reason: `a file has at most ${smallLimit} bytes`,
      });

      const lost = await RawClient.open({ port: example.port });
      lost.send(opcodes.text, JSON.stringify({ name: "lost" }));
      lost.write(
        frame(opcodes.binary, new Uint8Array(50_000)).subarray(0, 30_000),
      );
      const partial = (): boolean =>
        readdirSync(smallFolder).some((name) => name.endsWith(".part"));
      await until(partial, "the file that is arriving");
      lost.socket.destroy();
      await until(() => !partial(), "its end");

      assert.deepEqual(
        readdirSync(smallFolder).sort(),
        ["empty", "häuser (1).bin", "mine.txt"],
      );
      assert.ok(!existsSync(join(smallFolder, "..", "escaped")));
    });
  } finally {
    rmSync(smallFolder, { recursive: true });
  }
});

test("examples/upload.ts: 128 MiB cost no more memory than the buffers on the way", async () => {
  try {
    await examples.upload(async (example) => {
      const socket = await new WebSocketStream(example.ws(), { deflate: false })
        .opened;
      const before = peakMemory(example.pid);
      await socket.send(JSON.stringify({ name: "large.bin" }));
      const chunk = new Uint8Array(2 ** 20).fill(65);
      let left = limit / chunk.length;
      await socket.send(
        new ReadableStream<Uint8Array>({
          pull(controller) {
            if (left-- > 0) controller.enqueue(chunk);
            else controller.close();
          },
        }),
      );
      const reader = socket.readable.getReader();
      const { value } = await within(reader.read(), "the answer", 60_000);
      assert.deepEqual(JSON.parse(String(value)), {
        name: "large.bin",
        size: limit,
      });
      assert.equal(statSync(join(folder, "large.bin")).size, limit);
      const growth = peakMemory(example.pid) - before;
      console.log(`upload | peak grew by ${growth} bytes`);
      assert.ok(growth < 90e6, `it grew by ${growth} bytes`);
      socket.close();
      await socket.closed;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The most memory that a process has had so far, in bytes; 0 where that can't be known. */
function peakMemory(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return 0;
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m
    .exec(readFileSync(status, "utf8"))!;
  return Number(kilobytes) * 1024;
}
