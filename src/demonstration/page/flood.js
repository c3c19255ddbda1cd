// The flood: one end sends as fast as the other one takes it.

import { addressOf } from "./address.js";
import { formatBytes, formatRate, formatTime } from "./format.js";
import { countMessages } from "./traffic.js";

/** The size of the page's messages in bytes. */
const messageSize = 64 * 1024;
/** How much the page lets wait in its own connection, in bytes. */
const mostBuffered = 1024 * 1024;
/** How long the page looks away when that is reached, in milliseconds. */
const pause = 4;
/** How long a slow reader takes for one message, in milliseconds. */
const slowReading = 50;
/** Over how long a rate is measured, in milliseconds. */
const rateWindow = 1200;

const notes = {
  server: {
    fast: "The page reads all that the server sends.",
    slow:
      "The page reads 20 messages a second. The server waits until there is room.",
  },
  page: {
    fast: "The server reads all that the page sends.",
    slow:
      "The server reads 20 messages a second. The page waits until there is room.",
  },
};

export class Flood {
  #form;
  #figures;
  #runs = 0;
  /** The flood that goes on, if one does. */
  #current = null;

  constructor(section, figures) {
    this.#form = section.querySelector("form");
    this.#figures = figures;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#current === null) this.#start();
      else this.#stop("Stopped.");
    });
    this.#form.addEventListener("change", ({ target }) => {
      if (this.#current === null) return;
      // A page reads slowly from one message to the next. A server is told when
      // the connection opens, as it would read a message late.
      if (target.name === "slow" && this.#current.from === "server") {
        this.#current.slow = target.checked;
        this.#explain();
      } else {
        this.#end();
        this.#start();
      }
    });
    figures.addEventListener("flood", ({ detail }) => this.#show(detail));
    if (!("WebSocketStream" in globalThis)) this.#withoutWebSocketStream();
  }

  /** How many bytes wait in the sender. */
  get buffered() {
    return this.#current?.buffered ?? 0;
  }

  #start() {
    const from = this.#form.elements.from.value;
    const slow = this.#form.elements.slow.checked;
    const run = ++this.#runs;
    const flood = from === "server" ? new FromServer(slow) : new FromPage(slow);
    this.#current = flood;
    this.#form.elements.start.textContent = "Stop the flood";
    this.#explain();
    const address = addressOf("/flood", {
      watch: this.#figures.watch,
      run,
      from,
      slow: slow ? 1 : 0,
    });
    flood.run = run;
    flood.open(address).catch(() => "").then(() => {
      if (this.#current === flood) this.#stop("The connection was lost.");
    });
  }

  #end() {
    this.#current.close();
    this.#current = null;
  }

  #stop(note) {
    this.#end();
    this.#form.elements.start.textContent = "Start the flood";
    say("note", note);
  }

  #explain() {
    const { from, slow } = this.#current;
    say("note", notes[from][slow ? "slow" : "fast"]);
  }

  /** Shows what the server has told, beside what the page knows. */
  #show(figures) {
    const flood = this.#current;
    if (flood === null || figures.run !== flood.run) return;
    const rates = flood.compare(figures);
    if (rates === null) return;
    say("sent", formatRate(rates.sent));
    say("read", formatRate(rates.read));
    say("waits", `up to ${formatTime(rates.longestWait)}`);
    say("buffered", formatBytes(flood.mostBuffered));
    const { least, most } = flood.memory;
    say("memory", `${formatBytes(least)} to ${formatBytes(most)}`);
  }

  #withoutWebSocketStream() {
    const [fromServer, fromPage] = this.#form.elements.from;
    fromServer.disabled = true;
    fromPage.checked = true;
    say(
      "note",
      "This browser has no WebSocketStream: a page can’t read slowly in it, " +
        "but the server can.",
    );
  }
}

function say(what, text) {
  document.querySelector(`#flood-${what}`).textContent = text;
}

/** What floods in both directions have in common. */
class OneFlood {
  slow;
  bytes = 0;
  buffered = 0;
  mostBuffered = 0;
  memory = { least: Infinity, most: 0 };
  #marks = [];

  constructor(slow) {
    this.slow = slow;
  }

  /**
   * Takes figures of the server.
   *
   * @returns Bytes a second, as counted `here` and `there`, over the last
   *   `rateWindow`; `null` with the first figures.
   */
  compare(figures) {
    this.memory = {
      least: Math.min(this.memory.least, figures.memory),
      most: Math.max(this.memory.most, figures.memory),
    };
    const here = { at: performance.now(), bytes: this.bytes };
    this.#marks.push({ here, there: figures });
    while (here.at - this.#marks[0].here.at > rateWindow) this.#marks.shift();
    if (this.#marks.length === 1) return null;
    const [before] = this.#marks;
    return {
      here: rateBetween(before.here, here),
      there: rateBetween(before.there, figures),
    };
  }

  setBuffered(bytes) {
    this.buffered = bytes;
    this.mostBuffered = Math.max(this.mostBuffered, bytes);
  }
}

function rateBetween(before, after) {
  return (after.bytes - before.bytes) * 1000 / (after.at - before.at);
}

/** The server sends; the page reads from a `WebSocketStream`, which has backpressure. */
class FromServer extends OneFlood {
  from = "server";
  #socket;
  #closed = false;

  async open(address) {
    this.#socket = new WebSocketStream(address);
    this.#socket.closed.catch(() => {});
    const { readable } = await this.#socket.opened;
    const reader = readable.getReader();
    while (!this.#closed) {
      const { done, value } = await reader.read();
      if (done) break;
      this.bytes += value.byteLength;
      countMessages();
      if (this.slow) await wait(slowReading);
    }
    await reader.cancel();
  }

  close() {
    this.#closed = true;
    this.#socket.close();
  }

  compare(figures) {
    this.setBuffered(figures.buffered);
    const rates = super.compare(figures);
    if (rates === null) return null;
    const { longestWait } = figures;
    return { sent: rates.there, read: rates.here, longestWait };
  }
}

/** The page sends, as long as little waits in its connection; the server reads. */
class FromPage extends OneFlood {
  from = "page";
  #socket;
  #longestWait = 0;

  async open(address) {
    const socket = new WebSocket(address);
    this.#socket = socket;
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("close", reject);
    });
    const message = new Uint8Array(messageSize);
    while (true) {
      await this.#room(socket);
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send(message);
      countMessages();
      this.bytes += message.length;
      this.setBuffered(socket.bufferedAmount);
    }
  }

  /** Waits until so little is buffered that the page may send. */
  async #room(socket) {
    const begun = performance.now();
    while (
      socket.bufferedAmount >= mostBuffered &&
      socket.readyState === WebSocket.OPEN
    ) {
      await wait(pause);
      this.buffered = socket.bufferedAmount;
      this.#longestWait = Math.max(
        this.#longestWait,
        performance.now() - begun,
      );
    }
  }

  close() {
    this.#socket.close();
  }

  compare(figures) {
    const rates = super.compare(figures);
    const longestWait = this.#longestWait;
    this.#longestWait = 0;
    if (rates === null) return null;
    return { sent: rates.here, read: rates.there, longestWait };
  }
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
