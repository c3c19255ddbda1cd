// What a server with TLS on Deno is checked for before it listens.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import {
  checkDenoVersion,
  checkKeyPair,
} from "../../src/transport/deno_tls_server.ts";
import { certificate, privateKey } from "../support/certificate.ts";

test("checkDenoVersion(): Deno 2.8 and later have what is needed", () => {
  for (const version of ["2.8.0", "2.9.6", "2.10.0-rc.1", "3.0.0"]) {
    checkDenoVersion(version);
  }
  for (const version of ["1.46.3", "2.0.0", "2.7.14"]) {
    assert.throws(
      () => checkDenoVersion(version),
      new RegExp(`needs Deno 2\\.8 or later, not ${version}: deno upgrade`),
    );
  }
});

test("checkKeyPair(): a certificate and its key pass, nothing else does", () => {
  const handshakeTimeout = 1000;
  const check = (cert: string, key: string) =>
    checkKeyPair({ cert, key, handshakeTimeout });
  check(certificate, privateKey);
  const { privateKey: another } = generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  assert.throws(
    () => check(certificate, another),
    /`key` is not the private key of `cert`/,
  );
  for (
    const [cert, key] of [
      ["no PEM", privateKey],
      [certificate, "no PEM"],
      [privateKey, certificate],
    ]
  ) {
    assert.throws(() => check(cert, key), /`cert` or `key` can't be read/);
  }
});
