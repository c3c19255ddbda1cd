"""Python's websockets, with permessage-deflate, as a client."""

import asyncio
from random import Random

from answer_requests import (
    LARGE_TEXT,
    MEBIBYTE,
    answer_requests,
    same,
)
from deflate_messages import VariedMessages, parameters
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
)
from websockets_peer import connect as connect_plain
from websockets_peer import echo, finish

TIMEOUT = 30


def connect(url, offer):
    """Connects with this offer, not the one that the library would make."""
    settings = {"client_max_window_bits": None, **parameters(offer)}
    return connect_plain(
        url,
        extensions=[ClientPerMessageDeflateFactory(**settings)],
        compression=None,
        # It is for what is on the wire, too, which may be more.
        max_size=17 * MEBIBYTE,
    )


def agreed(socket):
    return socket.response_headers["Sec-WebSocket-Extensions"]


async def varied(url, offer, seed):
    async with connect(url, offer) as socket:
        messages = VariedMessages(Random(seed))
        for message in messages.one_of_each() + messages.one_of_each():
            await echo(socket, message)
        await echo(socket, messages.long())
        await finish(socket)
        return agreed(socket)


async def fragmented(url, offer, seed):
    async with connect(url, offer) as socket:
        random = Random(seed)
        messages = VariedMessages(random)
        for _ in range(50):
            # Each item is a frame, and an empty frame with FIN follows.
            items = [messages.next()]
            while random.randrange(5) > 0:
                item = messages.next()
                if type(item) is type(items[0]):
                    items.append(item)

            async def send():
                for item in items:
                    yield item
                    if random.randrange(3) == 0:
                        await (await socket.ping())

            await socket.send(send())
            same(await socket.recv(), type(items[0])().join(items))
        await finish(socket)
        return agreed(socket)


async def conversation(url, offer, seed, count):
    """Sends far ahead of what it receives."""
    async with connect(url, offer) as socket:
        messages = VariedMessages(Random(seed))
        expected = asyncio.Queue()

        async def send():
            for _ in range(count):
                message = messages.next()
                expected.put_nowait(message)
                await socket.send(message)

        sending = asyncio.create_task(send())
        for _ in range(count):
            received = await socket.recv()
            same(received, expected.get_nowait())
        await sending
        await finish(socket)
        return agreed(socket)


async def large_text(url, offer):
    async with connect(url, offer) as socket:
        await echo(socket, LARGE_TEXT)
        await finish(socket)
        return agreed(socket)


async def large_random(url, offer, seed):
    async with connect(url, offer) as socket:
        await echo(socket, Random(seed).randbytes(16 * MEBIBYTE))
        await finish(socket)
        return agreed(socket)


SCENARIOS = {
    "varied": varied,
    "fragmented": fragmented,
    "conversation": conversation,
    "large-text": large_text,
    "large-random": large_random,
}


def run(scenario, url, **options):
    running = SCENARIOS[scenario](url, **options)
    return asyncio.run(asyncio.wait_for(running, TIMEOUT))


answer_requests(run)
