/** `Deno.upgradeWebSocket()`, as Deno's manual has it. */
import {
  announce,
  burst,
  burstEnd,
  burstMessage,
  keepsAlive,
  sleep,
} from "./control.ts";

const server = Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  onListen: ({ port }) => announce(port, () => server.shutdown()),
}, (request) => {
  const path = new URL(request.url).pathname;
  if (path === "/refused") return new Response("no", { status: 401 });
  const { socket, response } = Deno.upgradeWebSocket(request, {
    idleTimeout: keepsAlive ? 4 : 0,
  });
  socket.binaryType = "arraybuffer";
  socket.onerror = () => {};
  switch (path) {
    case "/close":
      socket.onmessage = () => socket.close(4001, "bye");
      break;
    case "/serial":
      socket.onmessage = async ({ data }) => {
        socket.send(`start ${data}`);
        await sleep(100);
        socket.send(`end ${data}`);
      };
      break;
    case "/stuck":
      socket.onmessage = () => new Promise(() => {});
      break;
    case "/burst":
      socket.onopen = () => {
        for (let number = 0; number < burst.messages; number++) {
          socket.send(burstMessage(number));
        }
      };
      socket.onmessage = () => socket.send(burstEnd);
      break;
    case "/first":
      socket.onmessage = ({ data }) => socket.send(`got ${data}`);
      break;
    case "/ping":
    case "/parts":
      break;
    default:
      socket.onmessage = ({ data }) => socket.send(data);
  }
  return response;
});
