/**
 * Promises that nobody has to await.
 *
 * @module
 */

/** A promise with its two ends. Its rejection is never an unhandled one. */
export interface Deferred<Value> {
  /** The promise. */
  readonly promise: Promise<Value>;
  /** Fulfils it. */
  resolve(value: Value): void;
  /** Rejects it. */
  reject(reason: unknown): void;
}

/** Makes a {@linkcode Deferred}. */
export function createDeferred<Value>(): Deferred<Value> {
  const deferred = Promise.withResolvers<Value>();
  deferred.promise.catch(ignore);
  return deferred;
}

/** The same promise, whose rejection is never an unhandled one. */
export function ignorable<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(ignore);
  return promise;
}

/** A promise that is rejected already, and never an unhandled rejection. */
export function rejected(reason: unknown): Promise<never> {
  return ignorable(Promise.reject(reason));
}

function ignore(): void {}
