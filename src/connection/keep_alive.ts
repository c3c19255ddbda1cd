/**
 * Pings for connections that have gone silent, on one timer for all of them.
 *
 * @module
 */

/** A connection as keepalive sees it. */
export interface KeepAliveMember {
  /** Where it stands among the members; set by {@linkcode KeepAlive} alone. */
  keepAliveIndex: number;
  /** Ticks since the peer was last heard of; the member sets it to 0 then. */
  quietTicks: number;
  /**
   * Asked at every tick: whether silence tells nothing, as nothing is read, or
   * the peer has taken bytes since the last time.
   */
  keepAliveExcused(): boolean;
  /** Nothing was heard for a while: what only traffic needs can go. */
  keepAliveQuiet(): void;
  /** Sends a ping. */
  keepAlivePing(): void;
  /** The ping was not answered. */
  keepAliveTimedOut(): void;
}

/** How finely time is told: in eighths of the shorter of the two periods. */
const ticksPerPeriod = 8;

/** After so many ticks a connection is quiet. */
const quietAt = 2;

/** Connections with the same interval and timeout. */
export class KeepAlive {
  /** In any order. A set would take up to 100 bytes for each on Bun. */
  readonly #members: KeepAliveMember[] = [];
  readonly #tick: number;
  readonly #pingAt: number;
  readonly #timeoutAt: number;
  readonly #onEmpty: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param interval Milliseconds of silence before a ping.
   * @param timeout Milliseconds from the ping to giving up.
   * @param onEmpty Called when the last member has left.
   */
  constructor(interval: number, timeout: number, onEmpty: () => void) {
    this.#tick = Math.max(1, Math.min(interval, timeout) / ticksPerPeriod);
    this.#pingAt = Math.ceil(interval / this.#tick);
    this.#timeoutAt = this.#pingAt + Math.ceil(timeout / this.#tick);
    this.#onEmpty = onEmpty;
  }

  /** Watches a connection that no keepalive watches yet. */
  add(member: KeepAliveMember): void {
    member.keepAliveIndex = this.#members.push(member) - 1;
    this.#timer ??= setInterval(() => this.#onTick(), this.#tick);
  }

  /** Forgets a connection. The timer stops with the last one. */
  delete(member: KeepAliveMember): void {
    const index = member.keepAliveIndex;
    if (this.#members[index] !== member) return;
    const last = this.#members.pop()!;
    if (last !== member) {
      this.#members[index] = last;
      last.keepAliveIndex = index;
    }
    if (this.#members.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#onEmpty();
  }

  #onTick(): void {
    // What a member does may remove one, and move another.
    for (const member of this.#members.slice()) {
      if (member.keepAliveExcused()) {
        member.quietTicks = 0;
        continue;
      }
      const quiet = ++member.quietTicks;
      if (quiet === quietAt) member.keepAliveQuiet();
      if (quiet === this.#pingAt) member.keepAlivePing();
      else if (quiet > this.#timeoutAt) member.keepAliveTimedOut();
    }
  }
}

const shared = new Map<string, KeepAlive>();

/**
 * The one {@linkcode KeepAlive} of all connections with these times. Who keeps it
 * while it has no members shares it only with those who keep it as well.
 */
export function sharedKeepAlive(interval: number, timeout: number): KeepAlive {
  const name = `${interval}/${timeout}`;
  let keepAlive = shared.get(name);
  if (keepAlive === undefined) {
    const made = new KeepAlive(interval, timeout, () => {
      if (shared.get(name) === made) shared.delete(name);
    });
    shared.set(name, keepAlive = made);
  }
  return keepAlive;
}
