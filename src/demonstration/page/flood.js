// The flood: the server sends as fast as the page takes it.

import { addressOf } from "./address.js";
import { formatBytes, formatRate, formatTime } from "./format.js";
import { countMessages } from "./traffic.js";

/** Over how long a rate is measured, in milliseconds. */
const rateWindow = 1200;

const notes = {
  fast: "The page reads all that the server sends.",
  slow:
    "The page reads 20 messages a second. The server waits until there is room.",
};

/** The section of the page. */
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
    this.#form.elements.slow.addEventListener("change", ({ target }) => {
      if (this.#current === null) return;
      this.#current.slow = target.checked;
      this.#explain();
    });
    figures.addEventListener("flood", ({ detail }) => this.#show(detail));
    if (!("WebSocketStream" in globalThis)) this.#withoutWebSocketStream();
  }

  /** How many bytes wait in the server. */
  get buffered() {
    return this.#current?.buffered ?? 0;
  }

  #start() {
    const slow = this.#form.elements.slow.checked;
    const run = ++this.#runs;
    const { watch } = this.#figures;
    const flood = new OneFlood({ watch, run, slow });
    flood.onOver = () => {
      if (this.#current === flood) this.#stop("The connection was lost.");
    };
    this.#current = flood;
    this.#form.elements.start.textContent = "Stop the flood";
    this.#explain();
  }

  #stop(note) {
    this.#current.close();
    this.#current = null;
    this.#form.elements.start.textContent = "Start the flood";
    say("note", note);
  }

  #explain() {
    say("note", this.#current.slow ? notes.slow : notes.fast);
  }

  /** Shows what the server has told, beside what the page knows. */
  #show(figures) {
    const flood = this.#current;
    if (flood === null || figures.run !== flood.run) return;
    flood.take(figures);
    const { rates } = flood;
    if (rates === null) return;
    say("sent", formatRate(rates.sent));
    say("read", formatRate(rates.read));
    say("waits", `up to ${formatTime(flood.longestWait)}`);
    say("buffered", formatBytes(flood.mostBuffered));
    const { least, most } = flood.memory;
    say("memory", `${formatBytes(least)} to ${formatBytes(most)}`);
  }

  #withoutWebSocketStream() {
    this.#form.elements.start.disabled = true;
    say(
      "note",
      "This browser has no WebSocketStream: it reads all that comes, whether " +
        "the page wants it or not. Chromium has it.",
    );
  }
}

function say(what, text) {
  document.querySelector(`#flood-${what}`).textContent = text;
}

/** One connection that is flooded, with a worker that reads it. */
class OneFlood {
  run;
  #slow;
  /** Called when the connection is over, unless it was closed here. */
  onOver = () => {};
  /** How many bytes wait in the server. */
  buffered = 0;
  mostBuffered = 0;
  /** The longest wait of the server of late, in milliseconds. */
  longestWait = 0;
  /** The memory of the server in bytes, since the flood began. */
  memory = { least: Infinity, most: 0 };
  #messages = 0;
  #here = new Rate();
  #there = new Rate();
  #worker = new Worker("/flood_worker.js", { type: "module" });

  constructor({ watch, run, slow }) {
    this.run = run;
    this.#slow = slow;
    this.#worker.addEventListener("message", ({ data }) => {
      if (data.over) this.onOver();
      else this.#takeOwn(data);
    });
    const address = addressOf("/flood", { watch, run });
    this.#worker.postMessage({ address, slow });
  }

  get slow() {
    return this.#slow;
  }

  /** Changes how fast the page reads. */
  set slow(slow) {
    this.#slow = slow;
    this.#worker.postMessage({ slow });
  }

  /** Bytes a second; `null` until they are known. */
  get rates() {
    const read = this.#here.value;
    const sent = this.#there.value;
    return read === null || sent === null ? null : { sent, read };
  }

  /** Takes the server's figures. */
  take(figures) {
    this.#there.add(figures);
    this.memory = {
      least: Math.min(this.memory.least, figures.memory),
      most: Math.max(this.memory.most, figures.memory),
    };
    this.buffered = figures.buffered;
    this.mostBuffered = Math.max(this.mostBuffered, figures.buffered);
    this.longestWait = figures.longestWait;
  }

  /** Ends the worker, and its connection with it. */
  close() {
    this.#worker.terminate();
  }

  #takeOwn(done) {
    this.#here.add(done);
    countMessages(done.messages - this.#messages);
    this.#messages = done.messages;
  }
}

/** How fast a number of bytes grows. */
class Rate {
  #marks = [];

  /** Takes how many there were `at` a time in milliseconds. */
  add({ at, bytes }) {
    this.#marks.push({ at, bytes });
    while (at - this.#marks[0].at > rateWindow) this.#marks.shift();
  }

  /** Bytes a second of late; `null` until there were two marks. */
  get value() {
    if (this.#marks.length < 2) return null;
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    return (last.bytes - first.bytes) * 1000 / (last.at - first.at);
  }
}
