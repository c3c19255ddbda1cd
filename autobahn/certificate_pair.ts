/** A certificate and its private key, from the user's files. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

/** Files that cannot be used for TLS. The message is one line for the user. */
export class CertificateError extends Error {
  override name = "CertificateError";
}

/**
 * Reads a certificate and its key, and makes sure that they belong together.
 *
 * @returns Both as PEM, as `node:tls` takes them.
 * @throws {CertificateError} If a file cannot be read or used; it says which.
 */
export function readCertificatePair(
  certificateFile: string,
  privateKeyFile: string,
): { cert: string; key: string } {
  const cert = read(certificateFile);
  const key = read(privateKeyFile);
  const certificate = parse(
    `${JSON.stringify(certificateFile)} has no PEM certificate`,
    () => new X509Certificate(cert),
  );
  if (/ENCRYPTED/.test(key)) {
    throw new CertificateError(
      `${JSON.stringify(privateKeyFile)} is encrypted: decrypt it first`,
    );
  }
  const privateKey = parse(
    `${JSON.stringify(privateKeyFile)} has no PEM private key`,
    () => createPrivateKey(key),
  );
  // Deno would listen, and fail each handshake.
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new CertificateError(
      `${JSON.stringify(privateKeyFile)} is not the private key of the ` +
        `certificate in ${JSON.stringify(certificateFile)}`,
    );
  }
  return { cert, key };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as { code?: string };
    const why = code === "ENOENT" ? "no such file" : code ?? String(error);
    throw new CertificateError(`Cannot read ${JSON.stringify(file)}: ${why}`);
  }
}

function parse<Parsed>(problem: string, from: () => Parsed): Parsed {
  try {
    return from();
  } catch (error) {
    const reason = (error as Error).message.replaceAll(/\s+/g, " ");
    throw new CertificateError(`${problem} (${reason})`, { cause: error });
  }
}
