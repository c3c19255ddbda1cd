/**
 * A client's TCP or TLS connection, as a Node socket on all three runtimes.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import { isDeno } from "./deno_tls_socket.ts";
import { connectDenoTls, type ConnectOptions } from "./deno_tls_client.ts";

/** Where to connect to, and how. */
export interface ClientSocketOptions extends ConnectOptions {
  /** Whether to speak TLS. */
  readonly secure: boolean;
}

/**
 * Connects, with the TLS handshake if one is asked for.
 *
 * @returns The socket. Errors of it that nobody listens to are ignored.
 * @throws The system's error, or the signal's reason.
 */
export async function connectSocket(
  options: ClientSocketOptions,
): Promise<Duplex> {
  options.signal.throwIfAborted();
  if (options.secure && isDeno()) {
    const socket = await connectDenoTls(options);
    socket.on("error", ignore);
    return socket;
  }
  return await connectNode(options);
}

function connectNode(options: ClientSocketOptions): Promise<Duplex> {
  const { hostname, port, secure, caCerts, signal } = options;
  const common = { host: hostname, port, noDelay: true, allowHalfOpen: true };
  const socket: Socket = secure
    ? tls.connect({
      ...common,
      // TLS names a server by a name only, never by an address.
      ...isIP(hostname) === 0 ? { servername: hostname } : {},
      ALPNProtocols: ["http/1.1"],
      checkServerIdentity,
      ...caCerts.length > 0 ? { secureContext: contextFor(caCerts) } : {},
    })
    : connectTcp(common);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      settle();
      socket.destroy();
      reject(signal.reason);
    };
    const onError = (error: Error): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onClose = (): void => onError(new Error("the connection was closed"));
    const onConnect = (): void => {
      settle();
      resolve(socket);
    };
    const connected = secure ? "secureConnect" : "connect";
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off(connected, onConnect);
      socket.off("error", onError);
      socket.off("close", onClose);
    };
    socket.on("error", ignore);
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.on(connected, onConnect);
    signal.addEventListener("abort", onAbort);
  });
}

/** Node 22.23 finds no IPv6 address in a certificate: there it is looked up here. */
function checkServerIdentity(
  hostname: string,
  certificate: tls.PeerCertificate,
): Error | undefined {
  const error = tls.checkServerIdentity(hostname, certificate);
  if (error === undefined || isIP(hostname) !== 6) return error;
  return new X509Certificate(certificate.raw).checkIP(hostname) === undefined
    ? error
    : undefined;
}

let lastCerts: readonly string[] = [];
let lastContext: tls.SecureContext | null = null;

/** Reading the well-known certificates takes milliseconds: the last context is kept. */
function contextFor(caCerts: readonly string[]): tls.SecureContext {
  const same = caCerts.length === lastCerts.length &&
    caCerts.every((pem, index) => pem === lastCerts[index]);
  if (lastContext === null || !same) {
    lastContext = tls.createSecureContext({ ca: [...wellKnown(), ...caCerts] });
    lastCerts = [...caCerts];
  }
  return lastContext;
}

/** What is trusted without `ca`, which takes its place. */
function wellKnown(): readonly string[] {
  // Node has it since 22.15, and knows there what the environment adds.
  const { getCACertificates } = tls as {
    getCACertificates?: (type: "default") => string[];
  };
  return getCACertificates?.("default") ?? tls.rootCertificates;
}

function ignore(): void {}
