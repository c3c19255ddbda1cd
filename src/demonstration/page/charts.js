// The charts of the last minute.

import { Chart, roundUpToBinary, roundUpToDecimal } from "./chart.js";
import { formatBytes, formatCount, formatTime } from "./format.js";
import { totalMessages } from "./traffic.js";

/** How often a value is added, in milliseconds. */
const interval = 500;

export class Charts {
  #messages = chart("#messages-chart", formatCount, roundUpToDecimal, 10);
  #roundTrip = chart("#round-trip-chart", formatTime, roundUpToDecimal, 1);
  #buffered = chart("#buffered-chart", formatBytes, roundUpToBinary, 64 * 1024);
  #memory = chart(
    "#memory-chart",
    formatBytes,
    roundUpToBinary,
    64 * 1024 * 1024,
  );
  /** The newest figures, until the next ones; `null` while there are none. */
  #newestRoundTrip = null;
  #newestMemory = null;
  #countedAt = performance.now();
  #counted = totalMessages();

  constructor(figures, flood) {
    figures.addEventListener("roundtrip", ({ detail }) => {
      this.#newestRoundTrip = detail;
    });
    for (const type of ["server", "flood"]) {
      figures.addEventListener(type, ({ detail: { memory } }) => {
        this.#newestMemory = memory;
      });
    }
    setInterval(() => this.#draw(flood), interval);
  }

  #draw(flood) {
    const now = performance.now();
    const total = totalMessages();
    const elapsed = now - this.#countedAt;
    this.#messages.add((total - this.#counted) * 1000 / elapsed);
    this.#countedAt = now;
    this.#counted = total;
    this.#buffered.add(flood.buffered);
    if (this.#newestRoundTrip !== null) {
      this.#roundTrip.add(this.#newestRoundTrip);
    }
    if (this.#newestMemory !== null) this.#memory.add(this.#newestMemory);
  }
}

function chart(selector, format, roundUp, least) {
  const figure = document.querySelector(selector);
  return new Chart(figure, { format, roundUp, least });
}
