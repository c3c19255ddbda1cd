// What is left of a TLS connection that does not come about, with Deno's own TLS.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectDenoTls } from "../../src/transport/deno_tls_client.ts";
import { withTcpServer } from "../support/raw_server.ts";
import { runtime } from "../support/runtime.ts";
import { within } from "../support/serve_on.ts";

if (runtime === "deno") {
  test("deno: a name that TLS does not know leaves no TCP connection", async () => {
    const accepted = Promise.withResolvers<void>();
    await withTcpServer(
      () => accepted.resolve(),
      async ({ url, whenEmpty }) => {
        const connecting = connectDenoTls({
          // To the system it is 127.0.0.1.
          hostname: "127.1",
          port: Number(new URL(url).port),
          caCerts: [],
          signal: new AbortController().signal,
        });
        await assert.rejects(connecting, /hostname.*127\.1/);
        await within(accepted.promise, "the TCP connection");
        await within(whenEmpty(), "its end");
      },
    );
  });
}
