/**
 * The open connections of a server, as a set.
 *
 * @module
 */
import { inspect } from "node:util";
import {
  placeOf,
  setPlace,
  WebSocketConnection,
} from "../connection/connection.ts";

/** What a set can be compared and joined with. */
interface SetLike<Value> {
  readonly size: number;
  has(value: Value): boolean;
  keys(): Iterator<Value>;
}

/** The methods of a set that ES2025 adds, as not every TypeScript has them. */
interface SetMethods<Value> {
  union<Other>(other: SetLike<Other>): Set<Value | Other>;
  intersection<Other>(other: SetLike<Other>): Set<Value & Other>;
  difference<Other>(other: SetLike<Other>): Set<Value>;
  symmetricDifference<Other>(other: SetLike<Other>): Set<Value | Other>;
  isSubsetOf(other: SetLike<unknown>): boolean;
  isSupersetOf(other: SetLike<unknown>): boolean;
  isDisjointFrom(other: SetLike<unknown>): boolean;
}

/**
 * A set in no particular order. Who goes through it meets those that were open
 * when he began and have not closed meanwhile.
 *
 * It is no `Set`, as each time that one is made anew the engine keeps what it had
 * until the next full garbage collection: with many short connections that was
 * most of them.
 */
export class OpenConnections
  implements ReadonlySet<WebSocketConnection>, SetMethods<WebSocketConnection> {
  readonly #members: WebSocketConnection[] = [];

  /** See `Set`. */
  get size(): number {
    return this.#members.length;
  }

  /** Adds a connection that is in no such set. */
  add(connection: WebSocketConnection): void {
    setPlace(connection, this.#members.push(connection) - 1);
  }

  /** Removes a connection, if it is here. */
  delete(connection: WebSocketConnection): void {
    if (!this.has(connection)) return;
    const place = placeOf(connection);
    const last = this.#members.pop()!;
    setPlace(connection, -1);
    if (last === connection) return;
    this.#members[place] = last;
    setPlace(last, place);
  }

  /** See `Set`. */
  has(value: unknown): boolean {
    return value instanceof WebSocketConnection &&
      this.#members[placeOf(value)] === value;
  }

  /** See `Set`. */
  *values(): Generator<WebSocketConnection, undefined> {
    for (const connection of this.#members.slice()) {
      if (this.has(connection)) yield connection;
    }
  }

  /** See `Set`. */
  keys(): Generator<WebSocketConnection, undefined> {
    return this.values();
  }

  /** See `Set`. */
  [Symbol.iterator](): Generator<WebSocketConnection, undefined> {
    return this.values();
  }

  /** See `Set`. */
  *entries(): Generator<
    [WebSocketConnection, WebSocketConnection],
    undefined
  > {
    for (const connection of this) yield [connection, connection];
  }

  /** See `Set`. */
  forEach(
    callback: (
      value: WebSocketConnection,
      key: WebSocketConnection,
      set: ReadonlySet<WebSocketConnection>,
    ) => void,
    thisArgument?: unknown,
  ): void {
    for (const connection of this) {
      callback.call(thisArgument, connection, connection, this);
    }
  }

  /** See `Set`. */
  union<Other>(
    other: SetLike<Other>,
  ): Set<WebSocketConnection | Other> {
    return this.#toSet().union(other);
  }

  /** See `Set`. */
  intersection<Other>(
    other: SetLike<Other>,
  ): Set<WebSocketConnection & Other> {
    return this.#toSet().intersection(other);
  }

  /** See `Set`. */
  difference<Other>(other: SetLike<Other>): Set<WebSocketConnection> {
    return this.#toSet().difference(other);
  }

  /** See `Set`. */
  symmetricDifference<Other>(
    other: SetLike<Other>,
  ): Set<WebSocketConnection | Other> {
    return this.#toSet().symmetricDifference(other);
  }

  /** See `Set`. */
  isSubsetOf(other: SetLike<unknown>): boolean {
    return this.#toSet().isSubsetOf(other);
  }

  /** See `Set`. */
  isSupersetOf(other: SetLike<unknown>): boolean {
    return this.#toSet().isSupersetOf(other);
  }

  /** See `Set`. */
  isDisjointFrom(other: SetLike<unknown>): boolean {
    return this.#toSet().isDisjointFrom(other);
  }

  /** It is printed as a `Set`. */
  [inspect.custom](): ReadonlySet<WebSocketConnection> {
    return new Set(this);
  }

  #toSet(): SetMethods<WebSocketConnection> {
    return new Set(this) as unknown as SetMethods<WebSocketConnection>;
  }
}
