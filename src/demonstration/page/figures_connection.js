// The connection on which the server tells its figures.

import { addressOf } from "./address.js";
import { formatHex } from "./format.js";
import { countMessages } from "./traffic.js";

/** How often the round trip is measured, in milliseconds. */
const measureInterval = 500;
/** How long to wait before each new attempt to connect, in milliseconds. */
export const reconnectAfter = 1500;

/**
 * Dispatches "state" (whether it is open), "server" and "flood" (figures of the
 * server and of this page's floods) and "roundtrip" (milliseconds), each with
 * that as its `detail`. It connects again when it is lost.
 */
export class FiguresConnection extends EventTarget {
  /** The name under which this page's floods are watched. */
  watch = formatHex(crypto.getRandomValues(new Uint8Array(16)));

  connect() {
    const socket = new WebSocket(addressOf("/figures", { watch: this.watch }));
    let timer;
    socket.addEventListener("open", () => {
      this.#tell("state", true);
      const measure = () => {
        socket.send(
          JSON.stringify({ type: "roundtrip", at: performance.now() }),
        );
        countMessages();
      };
      measure();
      timer = setInterval(measure, measureInterval);
    });
    socket.addEventListener("message", ({ data }) => {
      countMessages();
      const figures = JSON.parse(data);
      if (figures.type === "roundtrip") {
        this.#tell("roundtrip", performance.now() - figures.at);
      } else {
        this.#tell(figures.type, figures);
      }
    });
    socket.addEventListener("close", () => {
      clearInterval(timer);
      this.#tell("state", false);
      setTimeout(() => this.connect(), reconnectAfter);
    });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
