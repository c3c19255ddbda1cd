/**
 * What code blocks get for `@weir/ws`: all of it, but servers listen on a free
 * port of the loopback, and can be shut down when the block is done.
 */
import {
  type Handler,
  serve as serveAnywhere,
  type ServeOptions,
  type Server,
} from "../../../mod.ts";

export * from "../../../mod.ts";

/** The servers that were started since this was emptied. */
export const servers: Server[] = [];

/** {@linkcode serveAnywhere} on a free port. */
export function serve(
  ...parameters: [ServeOptions, Handler] | [Handler]
): Server {
  const [options, handler] = parameters.length === 1
    ? [{}, parameters[0]]
    : parameters;
  const place = options.path === undefined
    ? { port: 0, hostname: "127.0.0.1" }
    : {};
  const server = serveAnywhere({ ...options, ...place }, handler);
  servers.push(server);
  return server;
}
