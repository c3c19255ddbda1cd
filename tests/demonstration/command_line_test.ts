import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  CommandLineError,
  helpText,
  parseCommandLine,
} from "../../src/demonstration/command_line.ts";

test("command line: without flags it is 127.0.0.1:8000", () => {
  assert.deepEqual(parseCommandLine([]), { port: 8000, hostname: "127.0.0.1" });
});

test("command line: --name value and --name=value mean the same", () => {
  const expected = { port: 0, hostname: "::1" };
  assert.deepEqual(
    parseCommandLine(["--port", "0", "--hostname", "::1"]),
    expected,
  );
  assert.deepEqual(parseCommandLine(["--port=0", "--hostname=::1"]), expected);
});

test("command line: of a flag given twice the last one counts", () => {
  assert.deepEqual(parseCommandLine(["--port=1", "--port", "65535"]), {
    port: 65535,
    hostname: "127.0.0.1",
  });
});

test("command line: --unix stands instead of port and hostname", () => {
  assert.deepEqual(parseCommandLine(["--unix", "/tmp/weir.sock"]), {
    path: "/tmp/weir.sock",
  });
});

test("command line: --deflate turns compression off, or chooses its backend", () => {
  for (
    const [text, deflate] of [
      ["off", false],
      ["auto", { backend: "auto" }],
      ["standard", { backend: "standard" }],
      ["zlib", { backend: "zlib" }],
    ] as const
  ) {
    assert.deepEqual(parseCommandLine([`--deflate=${text}`]), {
      port: 8000,
      hostname: "127.0.0.1",
      deflate,
    });
  }
  assertRefused(["--deflate", "gzip"], /--deflate .*"gzip"/);
});

test("command line: --workers is how many processes share the port", () => {
  assert.deepEqual(parseCommandLine(["--workers=2"]), {
    port: 8000,
    hostname: "127.0.0.1",
    workers: 2,
  });
});

test("command line: --help and -h win over everything usable", () => {
  assert.equal(parseCommandLine(["--help"]), "help");
  assert.equal(parseCommandLine(["--port=1", "-h"]), "help");
});

test("command line: the help text names every flag", () => {
  for (
    const name of [
      "port",
      "hostname",
      "cert",
      "key",
      "unix",
      "deflate",
      "workers",
      "help",
    ]
  ) {
    assert.match(helpText(), new RegExp(`^ {2}--${name} `, "m"));
  }
});

test("command line: --cert and --key are read from their files", () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-flags-"));
  try {
    const cert = join(directory, "cert.pem");
    const key = join(directory, "key.pem");
    writeFileSync(cert, "-----BEGIN CERTIFICATE-----\n");
    writeFileSync(key, "-----BEGIN EC PRIVATE KEY-----\n");
    assert.deepEqual(parseCommandLine(["--cert", cert, "--key", key]), {
      port: 8000,
      hostname: "127.0.0.1",
      cert: "-----BEGIN CERTIFICATE-----\n",
      key: "-----BEGIN EC PRIVATE KEY-----\n",
    });
    assertRefused(["--cert", key, "--key", key], /"CERTIFICATE"/);
    assertRefused(["--cert", cert, "--key", cert], /"PRIVATE KEY"/);
    assertRefused(["--cert", directory, "--key", key], /is a directory/);
    for (
      const encrypted of [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
      ]
    ) {
      writeFileSync(key, encrypted);
      assertRefused(
        ["--cert", cert, "--key", key],
        /^--key: ".*key\.pem" is encrypted, and can't be used: decrypt it/,
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** A command line and what its refusal must say. */
const refused: [string[], RegExp][] = [
  [["--prot", "8000"], /Unknown flag --prot,/],
  [["--no-port"], /Unknown flag --no-port,/],
  [["-p", "8000"], /Unknown flag -p,/],
  [["--toString"], /Unknown flag --toString,/],
  [["8000"], /Unexpected argument "8000"/],
  [["--", "line\nbreak"], /Unexpected argument "line\\nbreak"/],
  [["--help=yes"], /--help takes no value/],
  [["--port"], /--port needs a value/],
  [["--port="], /--port needs a value/],
  [["--port", "--help"], /--port needs a value/],
  [["--hostname="], /--hostname needs a value/],
  [["--unix"], /--unix needs a value/],
  [["--port", "-1"], /from 0 to 65535, not "-1"/],
  [["--port", "65536"], /from 0 to 65535, not "65536"/],
  [["--port", "80a"], /from 0 to 65535, not "80a"/],
  [["--port", "1e3"], /from 0 to 65535, not "1e3"/],
  [["--port", "0x50"], /from 0 to 65535, not "0x50"/],
  [["--port", "80.5"], /from 0 to 65535, not "80.5"/],
  [["--port", " "], /from 0 to 65535, not " "/],
  [["--workers", "0"], /from 1 to 1024, not "0"/],
  [["--workers", "two"], /from 1 to 1024, not "two"/],
  [["--workers", "2", "--unix", "weir.sock"], /--workers needs a port/],
  [["--cert", "cert.pem"], /--cert needs --key/],
  [["--key", "key.pem"], /--key needs --cert/],
  [
    ["--cert", "/no/such/cert.pem", "--key", "/no/such/key.pem"],
    /--cert: cannot read "\/no\/such\/cert.pem" \(no such file\)/,
  ],
  [["--unix", "weir.sock", "--port", "8000"], /--unix and --port exclude/],
  [["--unix", "weir.sock", "--hostname", "::"], /--unix and --hostname/],
  [["--unix", "weir.sock", "--cert", "a", "--key", "b"], /--unix and --cert/],
];

for (const [args, expected] of refused) {
  test(`command line: refuses ${JSON.stringify(args.join(" "))}`, () => {
    assertRefused(args, expected);
  });
}

function assertRefused(args: string[], expected: RegExp): void {
  assert.throws(() => parseCommandLine(args), (error) => {
    assert.ok(error instanceof CommandLineError, String(error));
    assert.match(error.message, expected);
    assert.ok(!error.message.includes("\n"), "it is one line");
    return true;
  });
}
