/**
 * Where a server listens: the options, and what is wrong with them.
 *
 * @module
 */
import { describe } from "./describe.ts";
import { checkPem } from "./pem.ts";

/** Where to listen. */
export interface ListenOptions {
  /** The TCP port; 0 for any that is free. Default 8000. */
  port?: number;
  /** The name or address to listen on. Default `"0.0.0.0"`: all of IPv4. */
  hostname?: string;
  /**
   * A Unix domain socket's file, in place of `port` and `hostname`. It is removed
   * in the end; one that a killed process has left makes listening fail with
   * `EADDRINUSE`, and has to be removed before.
   */
  path?: string;
  /** The certificate chain as PEM, for TLS (`wss:`); goes with `key`. */
  cert?: string;
  /** The private key of the certificate as PEM. */
  key?: string;
  /**
   * Lets other processes listen on the same port, if they ask for it too; the
   * kernel spreads the connections over them (`SO_REUSEPORT`). Default false.
   *
   * On Linux and the BSDs; elsewhere listening fails with `ENOTSUP`. Node has it
   * since 22.12. A Unix socket can't be shared so.
   */
  reusePort?: boolean;
}

/**
 * Checks where to listen early, where the mistake can be seen.
 *
 * @throws {TypeError | RangeError} For options that can't be right.
 */
export function checkListenOptions(options: ListenOptions): void {
  const { port, path, hostname, cert, key, reusePort } = options;
  // The runtimes take what is empty for all addresses, IPv6 too, or any port.
  checkName(
    "hostname",
    hostname,
    'give an address, such as "127.0.0.1", or leave it out for all of IPv4',
  );
  checkName("path", path, "give a Unix socket's file, or leave it out for TCP");
  if (reusePort !== undefined && typeof reusePort !== "boolean") {
    throw new TypeError(`reusePort is a boolean, not ${describe(reusePort)}`);
  }
  if (
    port !== undefined &&
    !(Number.isInteger(port) && port >= 0 && port <= 65535)
  ) {
    throw new RangeError(
      `port is an integer from 0 to 65535, not ${describe(port)}`,
    );
  }
  if (path !== undefined && (port !== undefined || hostname !== undefined)) {
    throw new TypeError(
      `path (${
        JSON.stringify(path)
      }) names a Unix socket, which has no port or hostname: leave those out`,
    );
  }
  if (path !== undefined && reusePort) {
    throw new TypeError(
      `reusePort is for TCP ports; the Unix socket ${
        JSON.stringify(path)
      } can't be shared: leave one of them out`,
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(
      `TLS needs both cert and key; ${
        cert === undefined ? "cert" : "key"
      } is missing`,
    );
  }
  if (cert !== undefined) checkPem("cert", cert);
  if (key !== undefined) checkPem("key", key);
}

function checkName(
  name: "hostname" | "path",
  value: unknown,
  advice: string,
): void {
  if (value === undefined || (typeof value === "string" && value !== "")) {
    return;
  }
  throw new TypeError(
    `${name} is a string that is not empty, not ${describe(value)}: ${advice}`,
  );
}
