// Who may open a WebSocket is decided in the `upgrade` hook: by the cookie of a
// login (pages), a bearer token (programs), or a ticket in the URL that is good
// once and for 30 seconds (where neither can be sent). Everyone else gets 401.
//   PASSWORD=secret deno run -A examples/authentication.ts      (or bun, node)
//   curl -i -d name=ada -d password=secret http://localhost:8000/login
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import process from "node:process";
import { serve } from "../mod.ts";

/** Who somebody is, and how that is known: what `socket.data` has. */
interface Login {
  readonly name: string;
  readonly by: "cookie" | "bearer" | "ticket";
  /** The session that ends with a logout; programs have none. */
  readonly session: string | null;
}

/** Secrets that stand for a login, each for a while. */
class Secrets {
  readonly #logins = new Map<string, { login: Login; expires: number }>();
  readonly #lifetime: number;

  /** @param lifetime In milliseconds. */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  add(secret: string, login: Login): void {
    // The oldest come first: those that were never used are dropped here.
    for (const [old, { expires }] of this.#logins) {
      if (expires > Date.now()) break;
      this.#logins.delete(old);
    }
    this.#logins.set(secret, { login, expires: Date.now() + this.#lifetime });
  }

  get(secret: string): Login | null {
    const found = this.#logins.get(secret);
    return found !== undefined && found.expires > Date.now()
      ? found.login
      : null;
  }

  delete(secret: string): void {
    this.#logins.delete(secret);
  }
}

// Yours are in a database: passwords as hashes of scrypt or Argon2.
const password = process.env.PASSWORD ?? createSecret();
const token = process.env.TOKEN ?? createSecret();
const sessions = new Secrets(12 * 60 * 60 * 1000);
const tickets = new Secrets(30 * 1000);

const server = serve<Login>({
  port: Number(process.env.PORT ?? 8000),
  fetch: answer,
  // `origins` keeps its default, "same-origin": with a cookie, a page of another
  // site could otherwise open a socket in its visitor's name.
  upgrade(request) {
    const login = authenticate(request);
    if (login !== null) return { data: login };
    return new Response("Log in first, or send a token.\n", {
      status: 401,
      headers: { "www-authenticate": 'Bearer realm="weir"' },
    });
  },
}, {
  open(socket) {
    socket.send(`hello, ${socket.data.name} (by ${socket.data.by})`);
  },
  message(socket, message) {
    return socket.send(`${socket.data.name}: ${message}`);
  },
});

/** Who sends the request of a handshake, or `null`. */
function authenticate(request: Request): Login | null {
  const ticket = new URL(request.url).searchParams.get("ticket");
  if (ticket !== null) {
    const login = tickets.get(ticket);
    tickets.delete(ticket);
    return login;
  }
  const authorization = request.headers.get("authorization");
  if (authorization !== null) {
    return isSame(authorization, `Bearer ${token}`)
      ? { name: "a program", by: "bearer", session: null }
      : null;
  }
  return sessions.get(sessionOf(request));
}

/** Plain HTTP: the login, tickets, the logout. */
async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const session = sessionOf(request);
  switch (`${request.method} ${pathname}`) {
    case "GET /":
      return new Response("POST /login, /ticket or /logout\n");
    case "POST /login": {
      const length = request.headers.get("content-length");
      if (!(Number(length ?? NaN) < 10_000)) {
        return new Response("too long for a name\n", { status: 413 });
      }
      const form = new URLSearchParams(await request.text());
      const name = form.get("name") ?? "";
      if (name === "" || !isSame(form.get("password") ?? "", password)) {
        return new Response("wrong name or password\n", { status: 403 });
      }
      const secret = createSecret();
      sessions.add(secret, { name, by: "cookie", session: secret });
      // Over TLS add `Secure`.
      const cookie = `session=${secret}; Path=/; HttpOnly; SameSite=Strict`;
      return new Response(`hello, ${name}\n`, {
        headers: { "set-cookie": cookie },
      });
    }
    case "POST /ticket": {
      const login = sessions.get(session);
      if (login === null) return new Response("log in\n", { status: 401 });
      const ticket = createSecret();
      tickets.add(ticket, { ...login, by: "ticket" });
      return new Response(ticket);
    }
    case "POST /logout":
      sessions.delete(session);
      for (const socket of server.sockets) {
        if ((socket.data as Login).session !== session) continue;
        socket.close({ closeCode: 4001, reason: "logged out" });
      }
      return new Response("bye\n");
    default:
      return new Response("not found\n", { status: 404 });
  }
}

/** What the cookie named `session` says, or `""`. */
function sessionOf(request: Request): string {
  const cookies = request.headers.get("cookie") ?? "";
  return /(?:^|;\s*)session=([\w-]+)/.exec(cookies)?.[1] ?? "";
}

function createSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Compares in a time that tells nothing of where the difference is. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

await server.ready;
const { port } = new URL(server.url);
console.log(`http://localhost:${port}/ and ws://localhost:${port}/`);
if (process.env.PASSWORD === undefined) console.log(`password: ${password}`);
if (process.env.TOKEN === undefined) console.log(`token: ${token}`);
