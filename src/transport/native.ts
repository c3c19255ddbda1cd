/**
 * A runtime's own listener, below `node:http`.
 *
 * @module
 */
import type { Transport } from "../connection/transport.ts";

/** Where to listen, and who takes what connects. */
export interface NativeListenerOptions {
  /** The name or address. */
  readonly hostname: string;
  /** The TCP port; 0 for any. */
  readonly port: number;
  /** Whether other processes may listen there as well. */
  readonly reusePort: boolean;
  /** Takes each connection; it has to start it at once. */
  readonly onTransport: (transport: Transport) => void;
  /** Is told if the listener is lost. */
  readonly onFailed: (error: Error) => void;
}

/** As whom to speak TLS. */
export interface NativeTlsOptions {
  /** The certificate chain as PEM. */
  readonly cert: string;
  /** Its private key as PEM. */
  readonly key: string;
  /** Milliseconds for the TLS handshake. */
  readonly handshakeTimeout: number;
}

/** A listener. */
export interface NativeListener {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Listens no more; resolves when the port is free. */
  close(): Promise<void>;
  /** Keeps the process running; the default. */
  ref(): void;
  /** Lets the process end. */
  unref(): void;
}
