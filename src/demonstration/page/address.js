// Where the WebSocket paths of this page's server are.

/** The ws: or wss: address of a path on the server that this page is from. */
export function addressOf(path, parameters = {}) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.search = new URLSearchParams(parameters);
  return url.href;
}
