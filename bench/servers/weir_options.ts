/**
 * What the two Weir servers have in common.
 *
 * @module
 */
import type { DeflateOptions, Handler, ServeOptions } from "../../mod.ts";
import { type Deflate, type Mode, serverArguments } from "./arguments.ts";

/** The defaults, but for the port and, where it is measured, compression. */
export const weirOptions: ServeOptions = {
  port: serverArguments.port,
  ...deflateOption(serverArguments.deflate),
};

/** The handler of the mode that was asked for. */
export function handlerOf(handlers: Record<Mode, Handler>): Handler {
  return handlers[serverArguments.mode];
}

function deflateOption(
  deflate: Deflate,
): { deflate?: boolean | DeflateOptions } {
  // Plain connections are those whose client does not offer compression.
  if (deflate === "off") return {};
  return {
    deflate: { threshold: 0, backend: deflate === "auto" ? "auto" : "zlib" },
  };
}
