// The page of the demonstration server: one panel for each WebSocket path.

const maxLogEntries = 200;
const stateWords = {
  connecting: "Connecting",
  open: "Open",
  closing: "Closing",
  closed: "Closed",
};

const milliseconds = new Intl.NumberFormat("en", {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

/** The ws: or wss: address of a path on the server that this page is from. */
function addressOf(path) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** One connection and what the page shows of it. */
class Panel {
  #path;
  #peer;
  #element;
  #log;
  #socket;
  /** Whether Close or Reconnect was pressed and has not had its effect yet. */
  #pressed = false;

  constructor({ path, title, about, peer, greeting }) {
    this.#path = path;
    this.#peer = peer;
    const template = document.querySelector("#panel");
    this.#element = template.content.cloneNode(true).firstElementChild;
    this.#log = this.find(".log");
    this.#element.setAttribute("aria-label", title);
    this.#log.setAttribute("aria-label", `Messages of ${path}`);
    this.find("h2").textContent = title;
    this.find(".about").textContent = about;
    this.find(".address code").textContent = addressOf(path);
    this.find("[name=message]").value = greeting;
    this.find(".send").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.find(".close").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#close();
    });
    this.find("[name=reconnect]").addEventListener(
      "click",
      () => {
        this.#pressed = true;
        this.connect();
      },
    );
    document.querySelector("main").append(this.#element);
  }

  find(selector) {
    return this.#element.querySelector(selector);
  }

  /** Called before each message that is sent. */
  onSend = () => {};
  /** Called for each message that arrives; returns a note to show with it. */
  onReceive = () => "";
  /** Called when a connection opens. */
  onOpen = () => {};

  connect() {
    const socket = new WebSocket(addressOf(this.#path));
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      this.onOpen();
      this.#showState("open");
      this.#keepFocus("[name=message]");
      this.#add("event", "Connected");
    });
    socket.addEventListener("message", ({ data }) => {
      const note = this.onReceive();
      const text = typeof data === "string"
        ? data
        : `${data.byteLength} bytes of binary data`;
      this.#add(
        "received",
        text,
        note ? `${this.#peer} · ${note}` : this.#peer,
      );
    });
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      this.#showState("closed");
      this.#keepFocus("[name=reconnect]");
      const said = reason === "" ? "" : ` “${reason}”`;
      this.#add(
        wasClean ? "event" : "problem",
        `Closed with ${code}${said}${wasClean ? "" : ", not cleanly"}`,
      );
    });
    this.#showState("connecting");
  }

  #send() {
    const input = this.find("[name=message]");
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const message = input.value;
    this.#add("sent", message, "You");
    input.value = "";
    input.focus();
    // Last, so that laying out the page is not part of the round trip.
    this.onSend();
    this.#socket.send(message);
  }

  #close() {
    const code = this.find("[name=code]").value.trim();
    const reason = this.find("[name=reason]").value;
    try {
      if (code === "" && reason === "") this.#socket.close();
      else this.#socket.close(Number(code), reason);
    } catch (error) {
      this.#add("problem", this.#explain(error));
      return;
    }
    this.#pressed = true;
    this.#showState("closing");
  }

  #explain(error) {
    if (error.name === "InvalidAccessError") {
      return "A page may close with 1000 or 3000 to 4999 only";
    }
    if (error.name === "SyntaxError") {
      return "The reason may be 123 bytes long at most";
    }
    return error.message;
  }

  #showState(state) {
    const element = this.find(".state");
    element.textContent = stateWords[state];
    element.dataset.state = state;
    const isOpen = state === "open";
    this.find(".send button").disabled = !isOpen;
    this.find("[name=close]").disabled = !isOpen;
    this.find("[name=reconnect]").disabled = state !== "closed";
  }

  /** Disabling the button that was just pressed takes the focus from it. */
  #keepFocus(selector) {
    if (!this.#pressed) return;
    this.#pressed = false;
    this.find(selector).focus();
  }

  #add(kind, text, note) {
    const item = document.createElement("li");
    item.className = kind;
    item.textContent = text === "" ? "(empty)" : text;
    if (note !== undefined) {
      const small = document.createElement("small");
      small.textContent = note;
      item.append(small);
    }
    this.#log.append(item);
    while (this.#log.childElementCount > maxLogEntries) {
      this.#log.firstElementChild.remove();
    }
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}

/** Shows how long each message of an echo took; echoes come back in order. */
function measureRoundTrips(panel) {
  const figures = panel.find(".figures");
  const sentAt = [];
  const taken = [];
  panel.onOpen = () => sentAt.length = 0;
  panel.onSend = () => sentAt.push(performance.now());
  panel.onReceive = () => {
    const roundTrip = performance.now() - sentAt.shift();
    taken.push(roundTrip);
    const mean = taken.reduce((sum, each) => sum + each, 0) / taken.length;
    const shown = (time) => `${milliseconds.format(time)} ms`;
    figures.textContent = `Round trip ${shown(roundTrip)} · ` +
      `mean ${shown(mean)} · fastest ${shown(Math.min(...taken))}`;
    return shown(roundTrip);
  };
  figures.textContent = "Round trip: send something to measure it.";
  figures.hidden = false;
}

const chat = new Panel({
  path: "/chat",
  title: "Chat",
  about: "Every message goes to all others who are here.",
  peer: "Someone else",
  greeting: "",
});
const echo = new Panel({
  path: "/echo",
  title: "Echo",
  about: "Every message comes back.",
  peer: "Server",
  greeting: "Hello, Weir!",
});
measureRoundTrips(echo);
chat.connect();
echo.connect();
