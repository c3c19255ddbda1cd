// Messages that go to /echo and back all the time.

import { addressOf } from "./address.js";
import { reconnectAfter } from "./figures_connection.js";
import { countMessages } from "./traffic.js";

const message = "There and back again, as often as it goes.";

/**
 * Keeps as many messages on their way as the chosen radio button says, on a new
 * connection where the one there was is lost.
 */
export class EchoLoad {
  #socket = null;

  constructor(choices) {
    for (const choice of choices) {
      choice.addEventListener("change", () => this.#run(Number(choice.value)));
    }
    // A page that is loaded again keeps the choice in some browsers.
    const { value } = [...choices].find(({ checked }) => checked);
    this.#run(Number(value));
  }

  #run(number) {
    this.#socket?.close();
    this.#socket = null;
    if (number === 0) return;
    const socket = new WebSocket(addressOf("/echo"));
    this.#socket = socket;
    const send = () => {
      if (socket !== this.#socket) return;
      socket.send(message);
      countMessages();
    };
    socket.addEventListener("open", () => {
      for (let sent = 0; sent < number; sent++) send();
    });
    socket.addEventListener("message", () => {
      countMessages();
      send();
    });
    socket.addEventListener("close", () => {
      setTimeout(() => {
        if (socket === this.#socket) this.#run(number);
      }, reconnectAfter);
    });
  }
}
