/**
 * Plain HTTP for a fetch-style application, under `node:http`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { headersFrom, untilDrained } from "./transport/http_message.ts";

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
  try {
    const answer = await fetch(toRequest(request, secure, gone.signal));
    await writeAnswer(response, answer, request.method === "HEAD");
  } catch (error) {
    if (gone.signal.aborted) return;
    onError(error);
    if (response.headersSent) response.destroy();
    else response.writeHead(500).end("Internal Server Error");
  }
}

function toRequest(
  request: IncomingMessage,
  secure: boolean,
  signal: AbortSignal,
): Request {
  const host = request.headers.host ?? "localhost";
  const target = request.url ?? "/";
  const url = target.startsWith("/")
    ? `${secure ? "https" : "http"}://${host}${target}`
    : target;
  const method = request.method ?? "GET";
  const headers = headersFrom(request.rawHeaders);
  if (method === "GET" || method === "HEAD") {
    return new Request(url, { method, headers, signal });
  }
  const init: RequestInit & { duplex: "half" } = {
    method,
    headers,
    signal,
    body: Readable.toWeb(request) as ReadableStream<Uint8Array>,
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
  for await (const chunk of answer.body) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await untilDrained(response);
  }
  response.end();
}
