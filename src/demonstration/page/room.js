// Rooms: who is in one, and what they say.

import { addressOf } from "./address.js";
import { countMessages } from "./traffic.js";

const maxLogEntries = 200;
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
});

export class Room {
  #section;
  #state;
  #enter;
  #say;
  #list;
  #log;
  #socket = null;
  /** The names of those who are here, by their ids. */
  #members = new Map();
  #ownId = null;
  /** The server's process: its own members it tells a newcomer by itself. */
  #process = null;

  constructor(section) {
    this.#section = section;
    this.#state = section.querySelector(".state");
    this.#enter = section.querySelector(".enter");
    this.#say = section.querySelector(".say");
    this.#list = section.querySelector(".present ul");
    this.#log = section.querySelector(".log");
    const { name, room, leave } = this.#enter.elements;
    name.value = `Guest ${100 + Math.floor(Math.random() * 900)}`;
    room.value = roomInAddress() || "lobby";
    this.#enter.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#join(name.value.trim(), room.value.trim());
    });
    leave.addEventListener("click", () => this.#socket?.close(1000));
    this.#say.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  #join(name, room) {
    if (name === "" || room === "") {
      this.#showState("closed", "Name and room can’t be empty");
      return;
    }
    history.replaceState(null, "", `#room=${encodeURIComponent(room)}`);
    this.#log.replaceChildren();
    const socket = new WebSocket(addressOf("/rooms", { room, name }));
    this.#socket = socket;
    this.#showState("connecting", "Joining");
    this.#enable(true);
    socket.addEventListener("message", ({ data }) => {
      countMessages();
      this.#take(JSON.parse(data), room);
    });
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      this.#socket = null;
      this.#members.clear();
      this.#showMembers();
      this.#enable(false);
      const left = wasClean && code === 1000;
      const why = left
        ? "You left the room"
        : `The connection was closed${reason === "" ? "" : `: ${reason}`}`;
      this.#showState("closed", why);
      this.#addEvent(why);
      this.#enter.elements.join.focus();
    });
  }

  #take(event, room) {
    switch (event.type) {
      case "welcome":
        this.#ownId = event.id;
        this.#process = event.process;
        for (const { id, name } of event.members) this.#members.set(id, name);
        this.#showMembers();
        this.#showState("open", "In the room");
        this.#addEvent("You joined ", room);
        this.#say.elements.text.disabled = false;
        this.#say.elements.send.disabled = false;
        this.#say.elements.text.focus();
        break;
      case "join":
        this.#members.set(event.id, event.name);
        this.#showMembers();
        this.#addEvent("", event.name, " joined");
        if (event.process !== this.#process) {
          this.#tell({ type: "here", to: event.id });
        }
        break;
      case "here":
        this.#members.set(event.id, event.name);
        this.#showMembers();
        break;
      case "leave":
        this.#members.delete(event.id);
        this.#showMembers();
        this.#addEvent("", event.name, " left");
        break;
      case "say":
        this.#addMessage(event);
        break;
    }
  }

  #send() {
    const input = this.#say.elements.text;
    const text = input.value.trim();
    if (text === "" || this.#socket === null) return;
    this.#tell({ type: "say", text });
    input.value = "";
    input.focus();
  }

  #tell(value) {
    this.#socket.send(JSON.stringify(value));
    countMessages();
  }

  #enable(isInside) {
    const { name, room, join, leave } = this.#enter.elements;
    name.disabled = room.disabled = isInside;
    join.hidden = isInside;
    leave.hidden = !isInside;
    if (isInside) return;
    this.#say.elements.text.disabled = true;
    this.#say.elements.send.disabled = true;
  }

  #showState(state, text) {
    this.#state.dataset.state = state;
    this.#state.textContent = text;
  }

  #showMembers() {
    const items = [...this.#members].map(([id, name]) => {
      const item = document.createElement("li");
      item.append(nameElement(name));
      if (id === this.#ownId) item.append(" (you)");
      return item;
    });
    this.#list.replaceChildren(...items);
    this.#section.querySelector(".nobody").hidden = items.length > 0;
    this.#section.querySelector("#present-title").textContent = items.length > 0
      ? `Here now: ${items.length}`
      : "Here now";
  }

  #addEvent(before, name = "", after = "") {
    const item = document.createElement("li");
    item.className = "event";
    item.append(before, nameElement(name), after);
    this.#add(item);
  }

  #addMessage({ id, name, text }) {
    const item = document.createElement("li");
    item.className = id === this.#ownId ? "own" : "";
    const who = document.createElement("span");
    who.className = "who";
    who.append(nameElement(name));
    const when = document.createElement("time");
    when.textContent = clock.format(new Date());
    const what = document.createElement("p");
    what.dir = "auto";
    what.textContent = text;
    item.append(who, " ", when, what);
    this.#add(item);
  }

  /** Adds to the log, and stays at its end unless the reader has scrolled up. */
  #add(item) {
    const log = this.#log;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(item);
    while (log.childElementCount > maxLogEntries) {
      log.firstElementChild.remove();
    }
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
}

/** A name that can't change the direction of what stands around it. */
function nameElement(name) {
  const element = document.createElement("bdi");
  element.textContent = name;
  return element;
}

function roomInAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("room")?.slice(0, 40);
}
