/**
 * How many bytes of memory are allocated for `Uint8Array`s, cleared or not, while
 * something runs: what it costs, without the noise of a garbage collector.
 */
export function allocatedBy(
  run: () => void,
): { total: number; largest: number } {
  const original = globalThis.Uint8Array;
  const { Buffer } = globalThis as { Buffer?: BufferConstructor };
  const allocUnsafeSlow = Buffer?.allocUnsafeSlow;
  let total = 0;
  let largest = 0;
  const count = (length: number): void => {
    total += length;
    largest = Math.max(largest, length);
  };
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, parameters, newTarget): object {
      const [first] = parameters;
      if (typeof first === "number") count(first);
      else if (ArrayBuffer.isView(first)) count(first.byteLength);
      return Reflect.construct(target, parameters, newTarget);
    },
  });
  if (Buffer !== undefined && allocUnsafeSlow !== undefined) {
    Buffer.allocUnsafeSlow = (length) => {
      count(length);
      return allocUnsafeSlow.call(Buffer, length);
    };
  }
  try {
    run();
  } finally {
    if (Buffer !== undefined && allocUnsafeSlow !== undefined) {
      Buffer.allocUnsafeSlow = allocUnsafeSlow;
    }
    globalThis.Uint8Array = original;
  }
  return { total, largest };
}
