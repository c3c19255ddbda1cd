/**
 * What many connections have in common, so that each keeps one reference to it.
 *
 * @module
 */
import type { Deadlines } from "../deadlines.ts";
import type { Role } from "../frame.ts";
import { type Counters, uncounted } from "../metrics/counters.ts";
import { type Closing, sharedClosingDeadlines } from "./closing.ts";
import { type KeepAlive, sharedKeepAlive } from "./keep_alive.ts";
import type { ResolvedConnectionOptions } from "./options.ts";

/** The settings of all connections of a server, or of a client's one. */
export interface ConnectionContext {
  /** Which end they are. */
  readonly role: Role;
  /** Their limits, buffers and times. */
  readonly options: ResolvedConnectionOptions;
  /** What they add to. */
  readonly counters: Counters;
  /** Watches over them; `null` where nothing does. */
  readonly keepAlive: KeepAlive | null;
  /** Those that close, and wait for their peers. */
  readonly closings: Deadlines<Closing>;
}

/**
 * Makes a context.
 *
 * @param counters By default nobody asks for what is counted.
 */
export function createContext(
  role: Role,
  options: ResolvedConnectionOptions,
  counters: Counters = uncounted,
): ConnectionContext {
  const { closeTimeout, keepAlive } = options;
  return {
    role,
    options,
    counters,
    keepAlive: keepAlive &&
      sharedKeepAlive(keepAlive.interval, keepAlive.timeout),
    closings: sharedClosingDeadlines(closeTimeout),
  };
}
