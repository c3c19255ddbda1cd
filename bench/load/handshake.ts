/**
 * The client's side of the opening handshake (RFC 6455 section 4.1).
 *
 * @module
 */
import { createHash } from "node:crypto";

const key = "d2VpciBiZW5jaG1hcms9PQ==";
/** RFC 6455 section 1.3. */
const accept = createHash("sha1")
  .update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
  .digest("base64");

/**
 * The request that Chromium would send; only that it offers compression where
 * that is to be measured, as each server would do something else with the offer.
 */
export function handshakeRequest(
  hostname: string,
  port: number,
  compressed: boolean,
): Uint8Array {
  return Buffer.from(
    [
      "GET / HTTP/1.1",
      `Host: ${hostname}:${port}`,
      "Connection: Upgrade",
      "Pragma: no-cache",
      "Cache-Control: no-cache",
      "User-Agent: Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
      "Upgrade: websocket",
      `Origin: http://${hostname}:${port}`,
      "Sec-WebSocket-Version: 13",
      "Accept-Encoding: gzip, deflate, br, zstd",
      "Accept-Language: en-GB,en;q=0.9",
      `Sec-WebSocket-Key: ${key}`,
      ...(compressed
        ? [
          "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        ]
        : []),
      "\r\n",
    ].join("\r\n"),
  );
}

/** What a server has answered. */
export interface HandshakeAnswer {
  /** How many bytes the answer's head has. */
  length: number;
  /** Whether compression was agreed on. */
  compressed: boolean;
}

/**
 * Reads the answer.
 *
 * @returns What was answered, null while the head is not whole.
 * @throws {Error} If it is no right answer.
 */
export function readHandshakeAnswer(
  bytes: Uint8Array,
): HandshakeAnswer | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return null;
  const head = text.slice(0, end);
  if (!head.startsWith("HTTP/1.1 101")) {
    throw new Error(`the handshake was answered with: ${text.slice(0, 200)}`);
  }
  if (!head.includes(accept)) {
    throw new Error(`the handshake's answer has a wrong key: ${head}`);
  }
  return {
    length: end + 4,
    compressed: head.includes("permessage-deflate"),
  };
}
