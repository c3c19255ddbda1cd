/**
 * The rooms of the demonstration's page: who is in each, and what they say.
 *
 * What happens in a room is published to its topic, so that it also reaches the
 * members that another process serves, where a backplane joins the two. Who is
 * in the room is known from the process's own members and, for those of others,
 * from their pages, which answer a newcomer's `join` with `here`.
 *
 * @module
 */

import process from "node:process";
import {
  CloseCode,
  type ConnectionHandler,
  type WebSocketConnection,
} from "../../mod.ts";

/** The most characters of the name of a room or of a member. */
const maxNameLength = 40;
/** The most characters of what a member says at once. */
const maxTextLength = 2000;

interface Member {
  id: string;
  name: string;
}

/** What a page sends. */
type Request = { type: "say"; text: string } | { type: "here"; to: string };

/**
 * Makes the handler of the rooms. A connection to `?room=ROOM&name=NAME` is in
 * that room until it closes; the room is there as long as it has members.
 */
export function rooms(): ConnectionHandler {
  const rooms = new Map<string, Map<string, Member>>();

  return async (socket) => {
    const { searchParams } = new URL(socket.url);
    const room = readName(searchParams.get("room"));
    const name = readName(searchParams.get("name"));
    if (room === null || name === null) {
      refuse(socket, `room and name have 1 to ${maxNameLength} characters`);
      return;
    }
    const members = rooms.get(room) ?? new Map<string, Member>();
    rooms.set(room, members);
    const member = { id: crypto.randomUUID(), name };
    members.set(member.id, member);

    const topic = topicOf(room);
    socket.subscribe(topic);
    socket.subscribe(topicOf(room, member.id));
    // Not awaited: the others hear of it at once.
    void send(socket, {
      type: "welcome",
      id: member.id,
      process: process.pid,
      members: [...members.values()],
    });
    publish(socket, topic, {
      type: "join",
      ...member,
      process: process.pid,
    });
    try {
      for await (const message of socket.readable) {
        const request = readRequest(message);
        if (request === null) {
          refuse(socket, "this is nothing that a room understands");
          return;
        }
        if (request.type === "here") {
          publish(socket, topicOf(room, request.to), {
            type: "here",
            ...member,
          });
          continue;
        }
        const said = { type: "say", ...member, text: request.text };
        publish(socket, topic, said);
        // Waits for a member that does not read, and so reads no more of it.
        await send(socket, said);
      }
    } finally {
      members.delete(member.id);
      if (members.size === 0) rooms.delete(room);
      publish(socket, topic, { type: "leave", ...member });
    }
  };
}

/** The topic of a room, or of one of its members alone. */
function topicOf(room: string, id?: string): string {
  return id === undefined ? `room ${room}` : `member ${id} of ${room}`;
}

function readName(text: string | null): string | null {
  const name = text?.trim() ?? "";
  return name === "" || name.length > maxNameLength ? null : name;
}

function readRequest(message: string | Uint8Array): Request | null {
  if (typeof message !== "string") return null;
  let request: unknown;
  try {
    request = JSON.parse(message);
  } catch {
    return null;
  }
  if (typeof request !== "object" || request === null) return null;
  const { type, text, to } = request as Record<string, unknown>;
  if (type === "here" && typeof to === "string") return { type, to };
  if (type !== "say" || typeof text !== "string") return null;
  return text.length > maxTextLength ? null : { type, text };
}

function send(socket: WebSocketConnection, value: object): Promise<void> {
  return socket.send(JSON.stringify(value));
}

function publish(
  socket: WebSocketConnection,
  topic: string,
  value: object,
): void {
  socket.publish(topic, JSON.stringify(value));
}

function refuse(socket: WebSocketConnection, reason: string): void {
  socket.close({ closeCode: CloseCode.PolicyViolation, reason });
}
