/**
 * A `Response` as the answer of a `node:http` server.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import { quote } from "../handshake/header_syntax.ts";
import { isBun } from "./bun_socket.ts";
import { cancelBody, writeBody, wrongLength } from "./http_message.ts";

/**
 * Writes an answer to its end.
 *
 * @param response Where to; nothing is written yet.
 * @param answer What the application has returned.
 * @param head Whether the request was a HEAD.
 * @throws If it can't be written, or its body fails, or is not as long as
 * `Content-Length` says. The body is cancelled then.
 */
export async function writeAnswer(
  response: ServerResponse,
  answer: Response,
  head: boolean,
): Promise<void> {
  const { status, statusText, headers, body } = answer;
  const withoutBody = head || status === 204 || status === 304;
  try {
    const decoded = !withoutBody && isDecoded(answer);
    const length = decoded ? null : contentLengthOf(headers);
    response.statusCode = status;
    if (statusText !== "") response.statusMessage = statusText;
    for (const [name, value] of headers) {
      if (name === "set-cookie") continue;
      if (decoded && headersOfCoded.includes(name)) continue;
      response.setHeader(name, value);
    }
    const cookies = headers.getSetCookie();
    if (cookies.length > 0) response.setHeader("set-cookie", cookies);
    if (withoutBody) await body?.cancel();
    else if (body !== null) await writeBody(response, body, length);
    else if (length !== null && length > 0) throw wrongLength(length);
    response.end();
  } catch (error) {
    cancelBody(body, error);
    throw error;
  }
}

/** Answers with 500, and with nothing of the head of an answer that failed. */
export function writeFailure(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const text = "Internal Server Error\n";
  // An answer without a body may have settled that the length is 0.
  response.writeHead(500, "Internal Server Error", {
    "content-length": text.length,
  }).end(text);
}

/** What is true of a body as it was before `fetch()` decoded it. */
const headersOfCoded: readonly string[] = [
  "content-encoding",
  "content-length",
];

/**
 * Whether a body comes from `fetch()`, which has decoded it and left the headers
 * as they were. Bun has an option not to, which the `Response` does not tell.
 */
function isDecoded({ url, headers }: Response): boolean {
  const coding = headers.get("content-encoding")?.toLowerCase();
  return Boolean(url) && !isBun() && (coding === "gzip" || coding === "br");
}

/** What `Content-Length` says; `null` if it is not there. */
function contentLengthOf(headers: Headers): number | null {
  const text = headers.get("content-length");
  if (text === null) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new TypeError(
    `the response has the header Content-Length: ${
      quote(text)
    }, which is no length: leave it out, or give the number of bytes`,
  );
}
