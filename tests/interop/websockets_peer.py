"""Python's websockets, on asyncio, as a client."""

import asyncio
from urllib.parse import urlsplit

import websockets
from answer_requests import (
    BINARIES,
    GOODBYE,
    LARGE_TEXT,
    LEADING_BOM,
    MEBIBYTE,
    TEXTS,
    answer_requests,
    repeated_bytes,
    same,
    tls,
)

TIMEOUT = 30


def connect(url, max_size=16 * MEBIBYTE, **options):
    secure = urlsplit(url).scheme == "wss"
    return websockets.connect(
        url,
        ssl=tls() if secure else None,
        max_size=max_size,
        # What the scenarios do not send must not be on the wire.
        ping_interval=None,
        **options,
    )


async def echo(socket, message):
    await socket.send(message)
    same(await socket.recv(), message)


async def finish(socket):
    await socket.close(1000)
    same(socket.close_code, 1000)


async def text(url):
    async with connect(url) as socket:
        for message in TEXTS:
            await echo(socket, message)
        await finish(socket)


async def leading_bom(url):
    async with connect(url) as socket:
        for message in LEADING_BOM:
            await echo(socket, message)
        await finish(socket)


async def binary(url):
    async with connect(url) as socket:
        for message in BINARIES:
            await echo(socket, message)
        await finish(socket)


async def empty(url):
    async with connect(url) as socket:
        await echo(socket, "")
        await echo(socket, b"")
        await finish(socket)


async def large_binary(url):
    async with connect(url) as socket:
        await echo(socket, repeated_bytes(16 * MEBIBYTE))
        await finish(socket)


async def large_text(url):
    async with connect(url) as socket:
        await echo(socket, LARGE_TEXT)
        await finish(socket)


async def pipelined(url):
    async with connect(url) as socket:

        async def send():
            for index in range(10_000):
                await socket.send(str(index))

        sending = asyncio.create_task(send())
        for index in range(10_000):
            same(await socket.recv(), str(index))
        await sending
        await finish(socket)


async def fragmented(url):
    async with connect(url) as socket:
        # Each item is a frame, and an empty frame with FIN follows.
        for items in (
            ["Hel", "", "lo"],
            ["a", "é", "漢", "😀"],
            [""],
            [b"\x00", b"", b"\x01\x02"],
            [bytes([index % 256]) for index in range(1000)],
        ):
            await socket.send(items)
            same(await socket.recv(), type(items[0])().join(items))
        await finish(socket)


async def ping(url):
    async with connect(url) as socket:
        for payload in (b"", b"ping", bytes(range(125))):
            # The library resolves this when a pong with the payload comes.
            await (await socket.ping(payload))
        await finish(socket)


async def ping_between_fragments(url):
    async with connect(url) as socket:

        async def fragments():
            yield "Hel"
            await (await socket.ping(b"one"))
            yield "lo"
            await (await socket.ping(b"two"))
            yield "!"

        await socket.send(fragments())
        same(await socket.recv(), "Hello!")
        await finish(socket)


async def server_ping(url):
    async with connect(url) as socket:
        assert float(await socket.recv()) >= 0
        await finish(socket)


async def subprotocol(url):
    offered = ["chat.v0", "chat.v1", "chat.v2"]
    async with connect(url, subprotocols=offered) as socket:
        same(socket.subprotocol, "chat.v2")
        await echo(socket, "Hello")
        await finish(socket)


async def close_with_reason(url):
    async with connect(url) as socket:
        await socket.close(4001, GOODBYE)
        same(socket.close_code, 4001)


async def closed_by_server(socket):
    """The close frame that the server sends next."""
    try:
        message = await socket.recv()
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd is not None, "closed without a close frame"
        return closed.rcvd
    raise AssertionError(f"a message instead of a close: {message!r:.200}")


async def server_close(url):
    async with connect(url) as socket:
        received = await closed_by_server(socket)
        same((received.code, received.reason), (4002, GOODBYE))


async def too_large(url):
    async with connect(url) as socket:
        try:
            await socket.send(bytes(16 * MEBIBYTE + 1))
        except websockets.ConnectionClosed:
            pass  # The server may be done before all is sent.
        received = await closed_by_server(socket)
        same(received.code, 1009)


async def vanish(url):
    async with connect(url) as socket:
        await echo(socket, "Hello")
        socket.transport.abort()
        await socket.wait_closed()


SCENARIOS = {
    "text": text,
    "leading-bom": leading_bom,
    "binary": binary,
    "empty": empty,
    "large-binary": large_binary,
    "large-text": large_text,
    "pipelined": pipelined,
    "fragmented": fragmented,
    "ping": ping,
    "ping-between-fragments": ping_between_fragments,
    "server-ping": server_ping,
    "subprotocol": subprotocol,
    "close-with-reason": close_with_reason,
    "server-close": server_close,
    "too-large": too_large,
    "vanish": vanish,
}


def run(scenario, url):
    asyncio.run(asyncio.wait_for(SCENARIOS[scenario](url), TIMEOUT))


if __name__ == "__main__":
    answer_requests(run)
