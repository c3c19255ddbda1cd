/**
 * How many bytes of memory are allocated as `Uint8Array`s while something runs:
 * what it costs, without the noise of a garbage collector.
 */
export function allocatedBy(
  run: () => void,
): { total: number; largest: number } {
  const original = globalThis.Uint8Array;
  let total = 0;
  let largest = 0;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, parameters, newTarget): object {
      if (typeof parameters[0] === "number") {
        total += parameters[0];
        largest = Math.max(largest, parameters[0]);
      }
      return Reflect.construct(target, parameters, newTarget);
    },
  });
  try {
    run();
  } finally {
    globalThis.Uint8Array = original;
  }
  return { total, largest };
}
