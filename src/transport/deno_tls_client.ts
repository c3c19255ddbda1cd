/**
 * A client's TLS connection on Deno. Its `node:tls` sockets can't be paused, as is
 * told in `deno_tls_server.ts`: `Deno.startTls` gives connections that are read only
 * when asked.
 *
 * @module
 */
import {
  closeQuietly,
  type DenoConnection,
  DenoTlsTransport,
} from "./deno_tls_socket.ts";
import { TransportDuplex } from "./transport_duplex.ts";

/** Where to connect to. */
export interface ConnectOptions {
  /** A name, or an IP address without brackets. */
  readonly hostname: string;
  /** The TCP port. */
  readonly port: number;
  /** Certificates as PEM that are trusted beside the well-known ones. */
  readonly caCerts: readonly string[];
  /** Gives up when it aborts. */
  readonly signal: AbortSignal;
}

/** The parts of `Deno.TcpConn` that are used here. */
interface DenoTcpConnection {
  setNoDelay(noDelay: boolean): void;
  close(): void;
}

/** The parts of the `Deno` namespace that are used here. */
interface DenoNamespace {
  connect(
    options: { hostname: string; port: number; signal: AbortSignal },
  ): Promise<DenoTcpConnection>;
  startTls(
    connection: DenoTcpConnection,
    options: { hostname: string; caCerts: string[]; alpnProtocols: string[] },
  ): Promise<DenoConnection>;
}

/**
 * Connects and does the TLS handshake.
 *
 * @throws The system's error, or the signal's reason.
 */
export async function connectDenoTls(
  { hostname, port, caCerts, signal }: ConnectOptions,
): Promise<TransportDuplex> {
  const deno = (globalThis as unknown as { Deno: DenoNamespace }).Deno;
  const tcp = await deno.connect({ hostname, port, signal }).catch((error) => {
    signal.throwIfAborted();
    throw error;
  });
  tcp.setNoDelay(true);
  const connection = await deno.startTls(tcp, {
    hostname,
    caCerts: [...caCerts],
    alpnProtocols: ["http/1.1"],
  }).catch((error) => {
    // It is still there where TLS knows no such name.
    closeQuietly(tcp);
    throw error;
  });
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    await Promise.race([connection.handshake(), aborted.promise]);
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  return new TransportDuplex(new DenoTlsTransport(connection), true);
}
