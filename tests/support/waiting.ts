/** Waits for what should happen, but not for ever. */

/** How long anything that a test waits for may take, in milliseconds. */
const patience = 20_000;

/** Waits for a promise. */
export async function within<Value>(
  promise: PromiseLike<Value>,
  what: string,
  milliseconds: number = patience,
): Promise<Value> {
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => limit.reject(new Error(`waited ${milliseconds} ms for ${what}`)),
    milliseconds,
  );
  try {
    return await Promise.race([promise, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until a condition holds. */
export async function until(
  condition: () => boolean,
  what: string,
  milliseconds: number = patience,
): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${milliseconds} ms for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
