// A file that goes to the server and comes back.

import { addressOf } from "./address.js";
import { formatBytes, formatCount, formatHex, formatRate } from "./format.js";
import { countMessages } from "./traffic.js";

/** The size of each message in bytes. */
const pieceSize = 256 * 1024;
/** How many messages may be on their way. */
const mostOnTheirWay = 16;
/** The largest file, as the page keeps what comes back, in bytes. */
const largestFile = 1024 * 1024 * 1024;
const randomSize = 32 * 1024 * 1024;

export class FileTransfer {
  #form;
  #bar;
  #hashes;
  #socket = null;

  constructor(section) {
    this.#form = section.querySelector("form");
    this.#bar = section.querySelector("progress");
    this.#hashes = section.querySelector(".hashes");
    const { file, random, cancel } = this.#form.elements;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (file.files.length === 0) say("result", "Choose a file first.");
      else this.#transfer(file.files[0]);
    });
    random.addEventListener("click", () => this.#transfer(randomBytes()));
    cancel.addEventListener("click", () => this.#socket?.close(1000));
  }

  async #transfer(blob) {
    if (blob.size > largestFile) {
      say("result", `A file may have ${formatBytes(largestFile)} at most.`);
      return;
    }
    this.#setBusy(true);
    this.#hashes.hidden = true;
    say("result", "");
    const begun = performance.now();
    try {
      const returned = await this.#sendAndReceive(blob);
      const elapsed = performance.now() - begun;
      say("result", "Comparing");
      const isSame = await this.#compare(blob, returned);
      say(
        "result",
        isSame
          ? `All ${formatCount(blob.size)} bytes came back unchanged, ` +
            `at ${formatRate(blob.size * 1000 / elapsed)} each way.`
          : "What came back differs from what was sent.",
      );
    } catch (error) {
      say("result", error.message);
    }
    this.#setBusy(false);
  }

  /** Sends the pieces, with some on their way at a time, and joins what comes back. */
  async #sendAndReceive(blob) {
    const socket = new WebSocket(addressOf("/echo-incoming"));
    this.#socket = socket;
    socket.binaryType = "blob";
    const pieces = Math.max(1, Math.ceil(blob.size / pieceSize));
    const returned = [];
    let returnedSize = 0;
    let sent = 0;
    let isClosed = false;
    let wake = () => {};
    socket.addEventListener("open", () => wake());
    socket.addEventListener("message", ({ data }) => {
      countMessages();
      returned.push(data);
      returnedSize += data.size;
      this.#showProgress(returnedSize, blob.size);
      wake();
    });
    socket.addEventListener("close", () => {
      isClosed = true;
      wake();
    });
    this.#showProgress(0, blob.size);
    while (returned.length < pieces) {
      if (isClosed) throw new Error("The transfer was stopped.");
      const canSend = socket.readyState === WebSocket.OPEN && sent < pieces &&
        sent - returned.length < mostOnTheirWay;
      if (canSend) {
        const piece = blob.slice(sent * pieceSize, (sent + 1) * pieceSize);
        sent++;
        socket.send(await piece.arrayBuffer());
        countMessages();
      } else {
        await new Promise((resolve) => wake = resolve);
      }
    }
    socket.close(1000);
    return new Blob(returned);
  }

  async #compare(sent, returned) {
    // Only pages over https: and from the machine itself have crypto.subtle.
    if (crypto.subtle === undefined) return await hasSameBytes(sent, returned);
    const sentHash = await hashOf(sent);
    const returnedHash = await hashOf(returned);
    say("sent", sentHash);
    say("returned", returnedHash);
    this.#hashes.hidden = false;
    return sentHash === returnedHash;
  }

  #showProgress(done, whole) {
    this.#bar.max = whole || 1;
    this.#bar.value = whole === 0 ? 1 : done;
    say("progress", `${formatBytes(done)} of ${formatBytes(whole)} came back`);
  }

  #setBusy(isBusy) {
    const { file, send, random, cancel } = this.#form.elements;
    const hadFocus = this.#form.contains(document.activeElement);
    file.disabled = isBusy;
    send.hidden = random.hidden = isBusy;
    cancel.hidden = !isBusy;
    if (hadFocus) (isBusy ? cancel : send).focus();
  }
}

function say(what, text) {
  document.querySelector(`#file-${what}`).textContent = text;
}

function randomBytes() {
  const bytes = new Uint8Array(randomSize);
  // It gives 64 KiB at most at once.
  for (let start = 0; start < bytes.length; start += 65536) {
    crypto.getRandomValues(bytes.subarray(start, start + 65536));
  }
  return new Blob([bytes]);
}

async function hashOf(blob) {
  const hash = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return formatHex(new Uint8Array(hash));
}

async function hasSameBytes(first, second) {
  if (first.size !== second.size) return false;
  for (let start = 0; start < first.size; start += pieceSize) {
    const [one, other] = await Promise.all(
      [first, second].map(async (blob) =>
        new Uint8Array(await blob.slice(start, start + pieceSize).arrayBuffer())
      ),
    );
    if (one.some((byte, index) => byte !== other[index])) return false;
  }
  return true;
}
