// Files of any size go to disk while they arrive, and a slow disk holds the client
// back. A client sends {"name": "photo.jpg"}, then the file as one binary message.
//   deno run -A examples/upload.ts      (or bun, node), and open http://localhost:8000/
//   UPLOADS is the folder, MAX_FILE_SIZE the limit in bytes (default 1 GiB)
import { link, mkdir, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  CloseCode,
  type IncomingMessage,
  serve,
  WebSocketError,
} from "../mod.ts";

const folder = process.env.UPLOADS ?? join(tmpdir(), "weir-uploads");
const maxFileSize = Number(process.env.MAX_FILE_SIZE ?? 2 ** 30);
if (!Number.isSafeInteger(maxFileSize) || maxFileSize < 1) {
  console.error(
    `MAX_FILE_SIZE must be a number of bytes, not ${process.env.MAX_FILE_SIZE}`,
  );
  process.exit(2);
}
await mkdir(folder, { recursive: true });

const server = serve({
  port: Number(process.env.PORT ?? 8000),
  // What is read as a whole here is a name; `incoming` itself has no limit.
  maxMessageSize: 1000,
  // A refusal is not a fault of the program's: a line is enough.
  onError: (error) =>
    console.error(error instanceof WebSocketError ? String(error) : error),
  fetch: () => new Response(page, { headers: { "content-type": "text/html" } }),
}, async (socket) => {
  let name: string | null = null;
  for await (const message of socket.incoming) {
    if (message.type === "text") {
      name = await readName(message);
    } else if (name === null) {
      throw refusal(CloseCode.PolicyViolation, "a file needs a name first");
    } else {
      await socket.send(JSON.stringify(await store(name, message)));
      name = null;
    }
  }
});

/** Reads the message that announces a file. */
async function readName(message: IncomingMessage): Promise<string> {
  const text = await message.text();
  let name: unknown;
  try {
    name = JSON.parse(text)?.name;
  } catch {
    // It is no name either.
  }
  if (typeof name === "string" && isSafeName(name)) return name;
  throw refusal(CloseCode.PolicyViolation, "this name can't be a file's here");
}

/**
 * Whether a name can only be that of a file in the folder, on any system: no
 * separators, no leading dot or hyphen, none of the device names of Windows.
 */
function isSafeName(name: string): boolean {
  return /^[\p{L}\p{N}_][\p{L}\p{N}\p{M} ._()-]{0,99}$/u.test(name) &&
    new TextEncoder().encode(name).length <= 200 && !/[. ]$/.test(name) &&
    !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name);
}

/** Writes a file under a name of its own, and gives it its name when it is whole. */
async function store(
  name: string,
  message: IncomingMessage,
): Promise<{ name: string; size: number } | { name: string; error: string }> {
  const partial = join(folder, `.${crypto.randomUUID()}.part`);
  const file = await open(partial, "wx");
  try {
    let size = 0;
    for await (const bytes of message.body) {
      size += bytes.length;
      if (size > maxFileSize) {
        throw refusal(
          CloseCode.MessageTooBig,
          `a file has at most ${maxFileSize} bytes`,
        );
      }
      // While this waits for the disk, no more is read from the client.
      await file.appendFile(bytes);
    }
    // Unlike a renaming, a link never replaces a file that is there.
    await link(partial, join(folder, name));
    return { name, size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return { name, error: "there is a file of this name already" };
  } finally {
    await file.close();
    await rm(partial, { force: true });
  }
}

/** What a connection is closed with, for the client to read. */
function refusal(closeCode: CloseCode, reason: string): WebSocketError {
  return new WebSocketError(reason, { closeCode, reason });
}

const page = `<!doctype html>
<html lang="en">
<title>Upload</title>
<label>A file: <input type="file"></label>
<progress value="0" max="1"></progress>
<output></output>
<script type="module">
const [input, progress, output] =
  ["input", "progress", "output"].map((name) => document.querySelector(name));
input.onchange = () => {
  const [file] = input.files;
  const socket = new WebSocket(location.href.replace(/^http/, "ws"));
  let timer;
  socket.onopen = () => {
    socket.send(JSON.stringify({ name: file.name }));
    socket.send(file);
    timer = setInterval(() => {
      progress.value = 1 - socket.bufferedAmount / file.size;
    }, 100);
  };
  socket.onmessage = ({ data }) => {
    progress.value = 1;
    output.value = data;
    socket.close();
  };
  socket.onclose = ({ reason }) => {
    clearInterval(timer);
    if (reason !== "") output.value = reason;
  };
};
</script>
`;

await server.ready;
const { port } = new URL(server.url);
console.log(`http://localhost:${port}/ stores files in ${folder}`);
