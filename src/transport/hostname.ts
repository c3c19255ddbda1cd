/**
 * Where connections come from, as text.
 *
 * @module
 */

let last = "";

/**
 * The hostname as the connection before has it, if it is the same: behind a proxy
 * it is for all, and its text is kept once.
 */
export function sameHostname(hostname: string): string {
  if (hostname !== last) last = hostname;
  return last;
}
