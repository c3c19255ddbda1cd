/**
 * Plain HTTP of the demonstration server: the page with its assets, the health
 * check, and a clear answer to everything else.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import type { Paths } from "./paths.ts";
import { describePaths } from "./paths.ts";

const assets = [
  { path: "/", file: "index.html", type: "text/html; charset=utf-8" },
  { path: "/style.css", file: "style.css", type: "text/css; charset=utf-8" },
  { path: "/page.js", file: "page.js", type: "text/javascript; charset=utf-8" },
  { path: "/icon.svg", file: "icon.svg", type: "image/svg+xml" },
];

/** Scripts and styles come from this server only, sockets may go to any. */
const contentSecurityPolicy = "default-src 'self'; connect-src 'self' ws: wss:";

/**
 * Makes the `fetch` function of the demonstration server. The page's files are
 * read now, so that a missing one is noticed at start.
 *
 * @param paths The paths that speak WebSocket, to name them where a request
 *   went astray.
 */
export function servePage(paths: Paths): (request: Request) => Response {
  const pages = new Map(assets.map(({ path, file, type }) => [path, {
    type,
    body: readFileSync(new URL(`./page/${file}`, import.meta.url)),
  }]));

  return (request) => {
    const { pathname } = new URL(request.url);
    if (Object.hasOwn(paths, pathname)) {
      return text(426, `${pathname} speaks WebSocket: open it with ws:\n`, {
        "upgrade": "websocket",
        "connection": "upgrade",
      });
    }
    const page = pages.get(pathname);
    if (page === undefined && pathname !== "/health") {
      return notFound(pathname, paths);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return text(405, `${pathname} answers GET and HEAD only\n`, {
        "allow": "GET, HEAD",
      });
    }
    if (page === undefined) return text(200, "ok");
    return new Response(page.body, {
      headers: {
        "content-type": page.type,
        "content-security-policy": contentSecurityPolicy,
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
      },
    });
  };
}

/** The answer to a path that does not exist, over HTTP and to an upgrade alike. */
export function notFound(pathname: string, paths: Paths): Response {
  return text(
    404,
    `Nothing at ${pathname}. WebSocket paths:\n${describePaths(paths, "")}\n` +
      `Plain HTTP: /, /health and /metrics\n`,
  );
}

function text(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(body, {
    status,
    headers: { ...headers, "content-type": "text/plain; charset=utf-8" },
  });
}
