/** Ports on which nobody listens, and which no other process is given meanwhile. */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/**
 * A port of 127.0.0.1 that a connection occupies of which the listener is gone:
 * to connect to it is refused, nobody who asks for any free port gets it, and who
 * asks for this one may listen on it. (Tests run side by side, and what listens
 * on a port that was only found free, or freed, may be another test's server.)
 */
export class HeldPort {
  /** Its number. */
  readonly port: number;
  readonly #ends: readonly Socket[];

  private constructor(port: number, ends: readonly Socket[]) {
    this.port = port;
    this.#ends = ends;
    // It keeps no process running that forgets to release it.
    for (const end of ends) end.unref();
  }

  /** Takes one. */
  static async take(): Promise<HeldPort> {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as { port: number };
    const near = connect(port, "127.0.0.1");
    const [[far]] = await Promise.all([
      once(listener, "connection") as Promise<[Socket]>,
      once(near, "connect"),
    ]);
    listener.close();
    return new HeldPort(port, [near, far]);
  }

  /** Where nobody listens. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** Gives it back. */
  release(): void {
    for (const end of this.#ends) end.destroy();
  }
}

/** Runs `use` with a held port. */
export async function withHeldPort(
  use: (held: HeldPort) => Promise<void>,
): Promise<void> {
  const held = await HeldPort.take();
  try {
    await use(held);
  } finally {
    held.release();
  }
}
