// What the processes of a cluster publish in the tests: every byte value, many
// lengths, and from whom and which one it is.

/** The payload `number` of the publisher `from`; a part of a longer buffer. */
export function payloadOf(
  from: string,
  number: number,
): Uint8Array<ArrayBuffer> {
  const length = 6 + from.length + (number * 37) % 700;
  const buffer = new Uint8Array(length + 20);
  const payload = buffer.subarray(10, 10 + length);
  for (const [at] of payload.entries()) payload[at] = (at * 7 + number) & 255;
  payload[0] = from.length;
  payload.set(new TextEncoder().encode(from), 1);
  new DataView(buffer.buffer, 10).setUint32(1 + from.length, number);
  return payload;
}
