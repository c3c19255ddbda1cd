/** Small helpers for octets, shared by the fuzzing peer and the cases. */

const encoder = new TextEncoder();

/** The UTF-8 octets of `text`. */
export function octetsOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * The octets that `digits` stands for.
 *
 * @param digits Hexadecimal digits, two an octet; spaces are ignored.
 * @throws {RangeError} If `digits` is not made of pairs of such digits.
 */
export function octetsOfHexadecimal(digits: string): Uint8Array {
  const packed = digits.replaceAll(" ", "");
  if (!/^(?:[0-9a-f]{2})*$/i.test(packed)) {
    throw new RangeError(`not pairs of hexadecimal digits: "${digits}"`);
  }
  const octets = new Uint8Array(packed.length / 2);
  for (let index = 0; index < octets.length; index++) {
    octets[index] = Number.parseInt(packed.slice(2 * index, 2 * index + 2), 16);
  }
  return octets;
}

/** `octets` as lower-case hexadecimal digits, two an octet. */
export function hexadecimal(octets: Uint8Array): string {
  let digits = "";
  for (const octet of octets) {
    digits += octet.toString(16).padStart(2, "0");
  }
  return digits;
}

/** `parts` one after the other; a single part is returned as it is. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) {
    return parts[0];
  }
  let length = 0;
  for (const part of parts) {
    length += part.length;
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * `pattern`, again and again, until there are `length` octets. The last
 * repetition is cut off where they are reached.
 *
 * @throws {RangeError} If `pattern` is empty and `length` is not 0.
 */
export function repeat(pattern: Uint8Array, length: number): Uint8Array {
  if (pattern.length === 0 && length > 0) {
    throw new RangeError(`cannot make ${length} octets of an empty pattern`);
  }
  const octets = new Uint8Array(length);
  let filled = Math.min(pattern.length, length);
  octets.set(pattern.subarray(0, filled));
  while (filled < length) {
    // The filled part is a whole number of patterns, so it can be doubled.
    const copied = Math.min(filled, length - filled);
    octets.copyWithin(filled, 0, copied);
    filled += copied;
  }
  return octets;
}

/** Whether both have the same length and the same octets. */
export function sameOctets(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) {
    return false;
  }
  for (let index = 0; index < one.length; index++) {
    if (one[index] !== other[index]) {
      return false;
    }
  }
  return true;
}
