/**
 * Plain HTTP of the demonstration server: the page with its assets, the health
 * check, and a clear answer to everything else.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import type { Paths } from "./paths.ts";
import { describePaths } from "./paths.ts";

const folder = new URL("./page/", import.meta.url);

/** The media types of the page's files, by the end of their names. */
const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** All there is comes from this server, and nothing is inside the page itself. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

interface PageFile {
  type: string;
  body: Uint8Array<ArrayBuffer>;
}

/**
 * Makes the `fetch` function of the demonstration server. The page's files are
 * read now: what is asked for later is a name in a table, never a path on disk.
 *
 * @param paths The paths that speak WebSocket, to name them where a request
 *   went astray.
 */
export function servePage(paths: Paths): (request: Request) => Response {
  const pages = readFiles();

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
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
      },
    });
  };
}

/** The files of the page, by the pathname that each is served at. */
function readFiles(): Map<string, PageFile> {
  return new Map(
    readdirSync(folder).filter((name) => extname(name) in types).map((name) => [
      name === "index.html" ? "/" : `/${name}`,
      {
        type: types[extname(name)],
        body: new Uint8Array(readFileSync(new URL(name, folder))),
      },
    ]),
  );
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
