/**
 * Plain HTTP for a fetch-style application, under `node:http`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { headersFrom, writeBody } from "./transport/http_message.ts";
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
  const url = urlOf(request, secure);
  if (url === null) {
    response.writeHead(400, { connection: "close" })
      .end("The Host header and the target are no URL.\n");
    return;
  }
  const body = new RequestBody(request);
  try {
    const answer = await fetch(toRequest(url, request, body, gone.signal));
    await writeAnswer(response, answer, request.method === "HEAD");
    // An application that holds it may be reading on.
    if (!body.locked) body.discard();
  } catch (error) {
    body.discard();
    if (gone.signal.aborted) return;
    onError(error);
    if (response.headersSent) response.destroy();
    else writeFailure(response);
  }
}

/** Answers with 500, and with nothing of the head of an answer that failed. */
function writeFailure(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.writeHead(500, "Internal Server Error")
    .end("Internal Server Error\n");
}

function urlOf(request: IncomingMessage, secure: boolean): string | null {
  const host = request.headers.host ?? "localhost";
  const target = request.url ?? "/";
  const url = target.startsWith("/")
    ? `${secure ? "https" : "http"}://${host}${target}`
    : target;
  return URL.canParse(url) && /^https?:/i.test(url) ? url : null;
}

function toRequest(
  url: string,
  request: IncomingMessage,
  body: RequestBody,
  signal: AbortSignal,
): Request {
  const method = request.method ?? "GET";
  const headers = headersFrom(request.rawHeaders);
  if (method === "GET" || method === "HEAD") {
    return new Request(url, { method, headers, signal });
  }
  const init: RequestInit & { duplex: "half" } = {
    method,
    headers,
    signal,
    body: body.stream,
    duplex: "half",
  };
  return new Request(url, init);
}

async function writeAnswer(
  response: ServerResponse,
  answer: Response,
  withoutBody: boolean,
): Promise<void> {
  response.statusCode = answer.status;
  if (answer.statusText !== "") response.statusMessage = answer.statusText;
  for (const [name, value] of answer.headers) {
    if (name !== "set-cookie") response.setHeader(name, value);
  }
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  if (answer.body === null || withoutBody) {
    await answer.body?.cancel();
    response.end();
    return;
  }
  await writeBody(response, answer.body);
  response.end();
}
