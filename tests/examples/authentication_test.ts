// examples/authentication.ts as a process: who may open a WebSocket.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawClient, type RawResponse } from "../support/raw_client.ts";
import { Client } from "./client.ts";
import { type ExampleProcess, startAll } from "./example_process.ts";

const password = "correct horse";
const token = "a-token-of-the-tests";
const examples = startAll({
  authentication: ["authentication.ts", { PASSWORD: password, TOKEN: token }],
});

test("examples/authentication.ts: cookie, bearer, ticket, and 401 for the rest", async () => {
  await examples.authentication(async (example) => {
    await assertRefused(example, "/", {}, 401);
    await assertRefused(example, "/", { cookie: "session=guessed" }, 401);
    await assertRefused(example, "/", { authorization: "Bearer guessed" }, 401);
    await assertRefused(example, "/?ticket=guessed", {}, 401);
    await assertRefused(example, "/?ticket=", { cookie: "session=" }, 401);

    const wrong = await logIn(example, "ada", "wrong");
    assert.equal(wrong.status, 403);
    assert.equal(wrong.headers.get("set-cookie"), null);
    const cookie = cookieOf(await logIn(example, "ada", password));
    const otherCookie = cookieOf(await logIn(example, "bob", password));

    const byCookie = await Client.open(example.ws(), { headers: { cookie } });
    assert.equal(await byCookie.next(), "hello, ada (by cookie)");
    byCookie.send("I am in");
    assert.equal(await byCookie.next(), "ada: I am in");
    // A page of another site, in her browser.
    await assertRefused(
      example,
      "/",
      { cookie, origin: "https://elsewhere.example" },
      403,
    );

    const byToken = await Client.open(example.ws(), {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(await byToken.next(), "hello, a program (by bearer)");

    assert.equal((await post(example, "/ticket", "")).status, 401);
    const ticket = await (await post(example, "/ticket", otherCookie)).text();
    const byTicket = await Client.open(example.ws(`/?ticket=${ticket}`));
    assert.equal(await byTicket.next(), "hello, bob (by ticket)");
    await assertRefused(example, `/?ticket=${ticket}`, {}, 401);

    await (await post(example, "/logout", cookie)).text();
    assert.deepEqual(await byCookie.closed, {
      code: 4001,
      reason: "logged out",
    });
    await assertRefused(example, "/", { cookie }, 401);
    // Nobody else was logged out.
    for (const client of [byToken, byTicket]) {
      client.send("still here");
      assert.match(String(await client.next()), /still here$/);
      await client.close();
    }
  });
});

function logIn(
  example: ExampleProcess,
  name: string,
  password: string,
): Promise<Response> {
  return fetch(example.http("/login"), {
    method: "POST",
    body: new URLSearchParams({ name, password }),
  });
}

function cookieOf({ status, headers }: Response): string {
  assert.equal(status, 200);
  const [cookie, ...attributes] = headers.getSetCookie()[0].split("; ");
  assert.deepEqual(attributes, ["Path=/", "HttpOnly", "SameSite=Strict"]);
  return cookie;
}

function post(
  example: ExampleProcess,
  path: string,
  cookie: string,
): Promise<Response> {
  return fetch(example.http(path), { method: "POST", headers: { cookie } });
}

async function assertRefused(
  example: ExampleProcess,
  path: string,
  headers: Record<string, string>,
  status: number,
): Promise<void> {
  const client = await RawClient.connect({ port: example.port });
  const response = await client.upgrade({ path, headers }).then(
    () => assert.fail(`${path} is open to ${JSON.stringify(headers)}`),
    (error: Error): RawResponse => {
      const [, json] = /^no WebSocket: (.*)$/s.exec(error.message) ?? [];
      if (json === undefined) throw error;
      return JSON.parse(json);
    },
  );
  client.socket.destroy();
  assert.equal(response.status, status);
  if (status !== 401) return;
  assert.deepEqual(
    response.headers.filter(([name]) => name === "www-authenticate"),
    [["www-authenticate", 'Bearer realm="weir"']],
  );
}
