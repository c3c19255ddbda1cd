/**
 * Plain HTTP for a fetch-style application, under `node:http`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { equalsIgnoringCase, isHost } from "./handshake/header_syntax.ts";
import { writeAnswer, writeFailure } from "./transport/http_answer.ts";
import { headersFrom } from "./transport/http_message.ts";
import { RequestBody } from "./transport/request_body.ts";

/** A fetch-style application: a function from `Request` to `Response`. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

/**
 * Answers a request with what the application returns, bodies streamed both
 * ways. An application that fails is reported and answered with 500.
 */
export async function answerWithFetch(
  fetch: FetchHandler,
  request: IncomingMessage,
  response: ServerResponse,
  secure: boolean,
  onError: (error: unknown) => void,
): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => {
    if (!response.writableEnded) {
      gone.abort(new Error("the client closed the connection"));
    }
  });
  const body = new RequestBody(request);
  const asked = toRequest(request, secure, body, gone.signal);
  if (asked === null) {
    response.writeHead(400, { connection: "close" })
      .end(
        "The method, the Host header or the target is not a possible one.\n",
      );
    return;
  }
  try {
    const answer = await fetch(asked);
    await writeAnswer(response, answer, request.method === "HEAD");
    // An application that holds it may be reading on.
    if (!body.locked) body.discard();
  } catch (error) {
    body.discard();
    // On Deno the request tells of it before the response does.
    if (gone.signal.aborted || (request.destroyed && !request.complete)) return;
    onError(error);
    if (response.headersSent) response.destroy();
    else writeFailure(response);
  }
}

/**
 * The `Host` header (RFC 9112, section 3.2); `null` if it is none, or could make
 * another path of the target's.
 */
function hostOf(request: IncomingMessage): string | null {
  const { headers: { host }, rawHeaders, httpVersion } = request;
  if (host === undefined) return httpVersion === "1.0" ? "localhost" : null;
  // Of several, `headers` has the first alone.
  const count =
    rawHeaders.filter((name, index) =>
      index % 2 === 0 && equalsIgnoringCase(name, "host")
    ).length;
  return count === 1 && isHost(host) ? host : null;
}

function urlOf(request: IncomingMessage, secure: boolean): string | null {
  const host = hostOf(request);
  if (host === null) return null;
  const target = request.url ?? "/";
  const url = target.startsWith("/")
    ? `${secure ? "https" : "http"}://${host}${target}`
    : target;
  return URL.canParse(url) && /^https?:/i.test(url) ? url : null;
}

/** `null` for a request that Fetch does not know, such as a TRACE. */
function toRequest(
  request: IncomingMessage,
  secure: boolean,
  body: RequestBody,
  signal: AbortSignal,
): Request | null {
  const url = urlOf(request, secure);
  if (url === null) return null;
  const method = request.method ?? "GET";
  const withoutBody = method === "GET" || method === "HEAD";
  try {
    const init: RequestInit & { duplex: "half" } = {
      method,
      headers: headersFrom(request.rawHeaders),
      signal,
      body: withoutBody ? null : body.stream,
      duplex: "half",
    };
    return new Request(url, init);
  } catch {
    return null;
  }
}
