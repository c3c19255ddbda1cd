"""Python's websockets, on asyncio, as a server.

/echo sends every message back, /fragments does so in fragments cut at random
places, with pings between them.
"""

import asyncio
import sys

import websockets
from client_servers import MAX_SIZE, Asked, listens, tls, until_told
from deflate_wsproto_peer import cut
from websockets.extensions.permessage_deflate import (
    ServerPerMessageDeflateFactory,
)
from websockets.server import WebSocketServerProtocol, serve


class Protocol(WebSocketServerProtocol):
    """Makes the extension of each connection as its target asks for."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.available_extensions = []

    async def process_request(self, path, _headers):
        self.asked = Asked(path)
        if self.asked.deflate is not None:
            self.available_extensions.append(
                ServerPerMessageDeflateFactory(**self.asked.deflate)
            )


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def fragments(socket):
    random = socket.asked.random
    async for message in socket:

        async def parts():
            for part in cut(random, message):
                yield part
                if random.randrange(3) == 0:
                    await (await socket.ping())

        await socket.send(parts())


async def answer(socket):
    paths = {"/echo": echo, "/fragments": fragments}
    try:
        await paths[socket.asked.path](socket)
    except websockets.ConnectionClosed:
        pass


async def main():
    options = {
        "create_protocol": Protocol,
        "compression": None,
        "max_size": MAX_SIZE,
        # A full queue would keep it from the pongs that it waits for.
        "max_queue": None,
        "ping_interval": None,
    }
    async with serve(answer, "127.0.0.1", 0, **options) as ws:
        async with serve(answer, "127.0.0.1", 0, ssl=tls(), **options) as wss:
            listens(*(s.sockets[0].getsockname()[1] for s in (ws, wss)))
            await asyncio.to_thread(until_told)
    sys.stdout.flush()


asyncio.run(main())
