// What keeps the fuzzing server from listening, in a line each.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { readCertificatePair } from "../../autobahn/certificate_pair.ts";
import { Progress } from "../../autobahn/progress.ts";
import { foldersFor } from "../../autobahn/report_folders.ts";
import { casesFor } from "../../autobahn/run_context.ts";
import { serveCases } from "../../autobahn/serve_cases.ts";
import { certificate, privateKey } from "../support/certificate.ts";
import {
  signedCertificate,
  signedPrivateKey,
} from "../support/private_authority.ts";
import { inFolder } from "./command.ts";

function serve(hostname: string, port: number) {
  return serveCases({ hostname, port, isSecure: false }, {
    cases: casesFor(["1.1.1"], []),
    parallel: 1,
    folders: foldersFor("reports"),
    progress: new Progress({ write: () => {} }),
    // Should it listen after all, it ends at once.
    signal: AbortSignal.abort(),
  });
}

test("an address that can't be listened on is an error that names it", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  await assert.rejects(serve("127.0.0.1", port), {
    name: "ServeError",
    message:
      `Cannot listen on 127.0.0.1:${port}: the port is in use, choose another`,
  });
  other.close();
  // RFC 5737: an address for documentation, which no machine has.
  await assert.rejects(serve("203.0.113.7", 0), {
    name: "ServeError",
    message: "Cannot listen on 203.0.113.7:0: this machine has no such address",
  });
});

test("a certificate and a key that can't be used are an error that names the file", async () => {
  await inFolder(async (folder) => {
    const write = (name: string, text: string): string => {
      const file = join(folder, name);
      writeFileSync(file, text);
      return file;
    };
    const files = {
      certificate: write("certificate.pem", certificate),
      key: write("key.pem", privateKey),
      otherCertificate: write("other_certificate.pem", signedCertificate),
      otherKey: write("other_key.pem", signedPrivateKey),
      text: write("text.pem", "no PEM"),
      encrypted: write(
        "encrypted.pem",
        privateKey.replaceAll("PRIVATE", "ENCRYPTED PRIVATE"),
      ),
    };
    const { certificate: cert, key } = files;
    assert.deepEqual(readCertificatePair(cert, key), {
      cert: certificate,
      key: privateKey,
    });
    readCertificatePair(files.otherCertificate, files.otherKey);
    for (
      const [one, other, message] of [
        ["/nowhere.pem", key, /^Cannot read "\/nowhere\.pem": no such file$/],
        [cert, "/nowhere.pem", /^Cannot read "\/nowhere\.pem": no such file$/],
        [cert, files.otherKey, /other_key\.pem" is not the private key of the/],
        [files.text, key, /text\.pem" has no PEM certificate \(.+\)$/],
        [cert, files.text, /text\.pem" has no PEM private key \(.+\)$/],
        [cert, cert, /certificate\.pem" has no PEM private key \(.+\)$/],
        [cert, files.encrypted, /encrypted\.pem" is encrypted: decrypt it/],
      ] as const
    ) {
      assert.throws(() => readCertificatePair(one, other), {
        name: "CertificateError",
        message,
      });
    }
    await Promise.resolve();
  });
});
