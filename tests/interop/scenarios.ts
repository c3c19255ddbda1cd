/**
 * What every independent client is put through, and how the server must have
 * seen the connection end. What the client does in each scenario, and what it
 * must see, is in the peer of that client: `*_peer.ts`, `*_peer.py` and, for
 * all that have the standard `WebSocket`, `standard_websocket.ts`.
 */

import type { ObservedClose } from "../support/echo_server.ts";

/** The limit of the server under test, in bytes: 16 MiB. */
export const maxMessageSize = 16 * 1024 * 1024;

/** The subprotocols of the server under test, the preferred one first. */
export const protocols: string[] = ["chat.v2", "chat.v1"];

/** One thing for a client to do with one connection. */
export interface Scenario {
  /** What the client does or sees, as the end of a sentence about it. */
  readonly title: string;
  /** Where on the echo server the client connects to. */
  readonly path: string;
  /** How the server must see the end of the connection. */
  readonly closed: Partial<ObservedClose>;
}

const normalClose = { closeCode: 1000, reason: "", wasClean: true };

/** Every scenario, by the name under which the peers know it. */
export const scenarios = {
  "text": {
    title: "gets text of every length class back, from ASCII to astral",
    path: "/echo",
    closed: normalClose,
  },
  "leading-bom": {
    title: "gets text that starts with U+FEFF back",
    path: "/echo",
    closed: normalClose,
  },
  "binary": {
    title: "gets binary messages of every length class back",
    path: "/echo",
    closed: normalClose,
  },
  "empty": {
    title: "gets an empty text and an empty binary message back",
    path: "/echo",
    closed: normalClose,
  },
  "large-binary": {
    title: "gets a binary message of 16 MiB back",
    path: "/echo",
    closed: normalClose,
  },
  "large-text": {
    title: "gets a text of 16 MiB back",
    path: "/echo",
    closed: normalClose,
  },
  "pipelined": {
    title: "gets 10,000 small messages back in order",
    path: "/echo",
    closed: normalClose,
  },
  "fragmented": {
    title: "gets fragmented messages back whole",
    path: "/echo",
    closed: normalClose,
  },
  "ping": {
    title: "gets the payload of its pings back",
    path: "/echo",
    closed: normalClose,
  },
  "ping-between-fragments": {
    title: "gets pongs between the fragments of its message",
    path: "/echo",
    closed: normalClose,
  },
  "server-ping": {
    title: "answers a ping, and the server learns the round trip",
    path: "/ping?payload=are+you+there",
    closed: normalClose,
  },
  "subprotocol": {
    title: "gets the subprotocol that the server prefers",
    path: "/echo",
    closed: normalClose,
  },
  "close-with-reason": {
    title: "closes with a code and a reason that the server sees",
    path: "/echo",
    closed: { closeCode: 4001, reason: "à bientôt 😀", wasClean: true },
  },
  "close-without-code": {
    title: "closes without a code, which the server sees as 1005",
    path: "/echo",
    closed: { closeCode: 1005, reason: "", wasClean: true },
  },
  "server-close": {
    title: "sees the code and the reason of the server's close",
    path: `/close?${new URLSearchParams({
      closeCode: "4002",
      reason: "à bientôt 😀",
    })}`,
    closed: { closeCode: 4002, wasClean: true },
  },
  "vanish": {
    title: "goes without a close, which the server sees as 1006",
    path: "/echo",
    closed: { closeCode: 1006, wasClean: false },
  },
  "too-large": {
    title: "sees 1009 for a message over maxMessageSize",
    path: "/echo",
    closed: { closeCode: 1009 },
  },
  "invalid-utf8": {
    title: "sees 1007 for a text that is not UTF-8",
    path: "/echo",
    closed: { closeCode: 1007 },
  },
  "invalid-utf8-unfinished": {
    title: "sees 1007 before its text that is not UTF-8 has ended",
    path: "/echo",
    closed: { closeCode: 1007 },
  },
} as const satisfies Record<string, Scenario>;

/** The name of a scenario. */
export type ScenarioName = keyof typeof scenarios;

/** The scenarios that the API of a standard `WebSocket` can express. */
export const standardScenarioNames: readonly ScenarioName[] = [
  "text",
  "leading-bom",
  "binary",
  "empty",
  "large-binary",
  "large-text",
  "pipelined",
  "server-ping",
  "subprotocol",
  "close-with-reason",
  "close-without-code",
  "server-close",
  "too-large",
];
