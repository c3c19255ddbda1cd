/**
 * What `Bun.serve()` and crossws do on each path: their hooks and sockets are
 * alike.
 */
import { burst, burstEnd, burstMessage, sleep } from "./control.ts";

/** A socket of either. */
export interface HookSocket {
  send(message: string | Uint8Array): unknown;
  close(code: number, reason: string): unknown;
  ping(payload: string): unknown;
  subscribe(topic: string): unknown;
  publish(topic: string, message: string | Uint8Array): unknown;
}

/** The hook `open`. */
export function opened(socket: HookSocket, path: string): void {
  switch (path) {
    case "/burst":
      for (let number = 0; number < burst.messages; number++) {
        socket.send(burstMessage(number));
      }
      break;
    case "/ping":
      socket.ping("are you there");
      break;
    case "/topic":
      socket.subscribe("all");
      break;
  }
}

/**
 * The hook `message`.
 *
 * @param echo Sends the message back, on all other paths.
 */
export async function received(
  socket: HookSocket,
  path: string,
  message: string | Uint8Array,
  echo: () => unknown,
): Promise<void> {
  switch (path) {
    case "/close":
      socket.close(4001, "bye");
      break;
    case "/serial":
      socket.send(`start ${message}`);
      await sleep(100);
      socket.send(`end ${message}`);
      break;
    case "/burst":
      socket.send(burstEnd);
      break;
    case "/stuck":
      await new Promise(() => {});
      break;
    case "/topic":
      socket.publish("all", message);
      break;
    case "/first":
      socket.send(`got ${message}`);
      break;
    case "/parts":
      break;
    default:
      echo();
  }
}
