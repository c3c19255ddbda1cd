/** What a frame's header must not say (RFC 6455, sections 5.1 to 5.5). */
import type { FrameHeader } from "./frame_reader.ts";

/** What the rules depend on besides the header. */
export interface FrameContext {
  /** Whether the receiver is the server. */
  isServer: boolean;
  /** Whether the last data frame's message goes on. */
  insideMessage: boolean;
  /** Whether permessage-deflate was agreed on. */
  compression: boolean;
}

/** Every rule that `header` breaks, in words; none if it is fine. */
export function violationsOf(
  header: FrameHeader,
  context: FrameContext,
): string[] {
  const violations: string[] = [];
  const { opcode, rsv } = header;
  const compressed = context.compression && rsv === 4;
  if (rsv !== 0 && !compressed) {
    violations.push(`reserved bits are ${rsv}, and no extension uses them`);
  }
  if (context.isServer && header.maskingKey === null) {
    violations.push("a frame from the client is not masked");
  }
  if (!context.isServer && header.maskingKey !== null) {
    violations.push("a frame from the server is masked");
  }
  if (opcode > 7) {
    if (!header.fin) {
      violations.push("a control frame is fragmented");
    }
    if (header.length > 125 || !header.minimal) {
      violations.push("a control frame's length takes more than 7 bits");
    }
    if (opcode > 10) {
      violations.push(`the control opcode ${opcode} is reserved`);
    }
    if (opcode === 8 && header.length === 1) {
      violations.push("a close frame has 1 octet");
    }
    if (compressed) {
      violations.push("a control frame is marked as compressed");
    }
  } else {
    if (opcode > 2) {
      violations.push(`the data opcode ${opcode} is reserved`);
    }
    if (!context.insideMessage && opcode === 0) {
      violations.push("a continuation frame has nothing to continue");
    }
    if (context.insideMessage && opcode !== 0) {
      violations.push("a message begins within another");
    }
    if (compressed && context.insideMessage) {
      violations.push("a continuation frame is marked as compressed");
    }
  }
  if (!header.minimal) {
    violations.push("a length is not written in the fewest octets");
  }
  return violations;
}

/** Whether a close frame may carry `code` (RFC 6455, section 7.4). */
export function isCloseCodeAllowed(code: number): boolean {
  return (code >= 3000 && code <= 4999) ||
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011].includes(code);
}
