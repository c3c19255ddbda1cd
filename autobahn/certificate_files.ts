/**
 * The certificate for `wss:` on the loopback interface, as files for programs
 * that take files. It is made in advance, so that no tool has to be there.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  authority,
  signedCertificate,
  signedPrivateKey,
} from "../tests/support/private_authority.ts";

/** PEM files in a folder of their own. */
export interface CertificateFiles {
  /** A certificate for `localhost`, `127.0.0.1` and `::1`. */
  certificate: string;
  /** Its private key, which is public and protects nothing. */
  privateKey: string;
  /** The certificate of the authority that signed it, for clients to trust. */
  authority: string;
}

let files: CertificateFiles | undefined;

/** Writes the files, which are there until this process ends. */
export function certificateFiles(): CertificateFiles {
  if (files !== undefined) return files;
  const folder = mkdtempSync(join(tmpdir(), "weir-autobahn-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, pem: string): string => {
    const file = join(folder, name);
    writeFileSync(file, pem);
    return file;
  };
  files = {
    certificate: write("certificate.pem", signedCertificate),
    privateKey: write("private_key.pem", signedPrivateKey),
    authority: write("authority.pem", authority),
  };
  return files;
}
