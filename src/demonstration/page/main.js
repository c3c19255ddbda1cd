// The page of the demonstration server: starts its parts.

import { Charts } from "./charts.js";
import { EchoLoad } from "./echo_load.js";
import { FiguresConnection } from "./figures_connection.js";
import { FileTransfer } from "./file_transfer.js";
import { Flood } from "./flood.js";
import { Room } from "./room.js";

const figures = new FiguresConnection();
const flood = new Flood(document.querySelector("#flood"), figures);
new Charts(figures, flood);
new EchoLoad(document.querySelectorAll("#live input[name=load]"));
new Room(document.querySelector("#room"));
new FileTransfer(document.querySelector("#file"));

const state = document.querySelector("#state");
figures.addEventListener("state", ({ detail: isOpen }) => {
  state.textContent = isOpen ? "Connected" : "Connection lost, trying again";
  state.dataset.state = isOpen ? "open" : "closed";
});
figures.connect();
