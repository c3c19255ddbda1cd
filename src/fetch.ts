/**
 * Plain HTTP for a fetch-style application, under `node:http`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { headersFrom, writeBody } from "./transport/http_message.ts";

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
  try {
    const answer = await fetch(toRequest(url, request, gone.signal));
    await writeAnswer(response, answer, request.method === "HEAD");
    // What the application has left of the body is in the way of the next request.
    if (!request.complete) request.resume();
  } catch (error) {
    if (gone.signal.aborted) return;
    onError(error);
    if (response.headersSent) response.destroy();
    else response.writeHead(500).end("Internal Server Error\n");
  }
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
    body: bodyOf(request),
    duplex: "half",
  };
  return new Request(url, init);
}

/**
 * The body of a request, touched only when it is read.
 */
function bodyOf(request: IncomingMessage): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      reader ??= (Readable.toWeb(request) as ReadableStream<Uint8Array>)
        .getReader();
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void request.resume(),
  }, { highWaterMark: 0 });
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
