/** What opcodes are called. RFC 6455, section 5.2. */

const names: Readonly<Record<number, string>> = {
  0: "continuation",
  1: "text",
  2: "binary",
  8: "close",
  9: "ping",
  10: "pong",
};

/** An opcode's name; reserved ones are named after their kind. */
export function opcodeName(opcode: number): string {
  return names[opcode] ??
    (opcode < 8 ? "reserved data" : "reserved control");
}
