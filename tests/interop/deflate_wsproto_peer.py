"""Python's wsproto, with permessage-deflate, as a client.

Its inflater is stricter than others, and for what wsproto would not send,
frames are made here, of what Python's zlib compresses.
"""

import socket
import zlib
from contextlib import contextmanager
from random import Random

from answer_requests import MEBIBYTE, answer_requests, repeated_bytes, same
from deflate_messages import VariedMessages, parameters
from wsproto.events import Ping
from wsproto.extensions import PerMessageDeflate
from wsproto_peer import Client, masked_frame, whole

FIN = 0x80
RSV1 = 0x40
CONTINUATION, TEXT, BINARY, PING = 0, 1, 2, 9


class StrictDeflate(PerMessageDeflate):
    """Raises if the server does not keep to what was agreed, to the byte."""

    client_max_window_bits = 15
    server_max_window_bits = 15

    def __init__(self, offer):
        super().__init__()
        client_bits = offer.get("client_max_window_bits")
        if client_bits not in (None, True):
            self.client_max_window_bits = client_bits
        self.client_no_context_takeover = bool(
            offer.get("client_no_context_takeover")
        )
        self.agreed = None
        self.inflater = None
        self.message_compressed = None
        # For each message that was received, whether it was compressed.
        self.compressed = []

    def offer(self):
        return False  # The header is made elsewhere.

    def finalize(self, response):
        self.agreed = response
        super().finalize(response)

    def frame_inbound_header(self, proto, opcode, rsv, payload_length):
        if opcode.iscontrol() or opcode == CONTINUATION:
            assert not rsv.rsv1, f"RSV1 in a frame of opcode {opcode}"
            self.in_message = opcode == CONTINUATION
        else:
            self.in_message = True
            self.message_compressed = rsv.rsv1
            self.compressed.append(rsv.rsv1)
            if rsv.rsv1 and self.inflater is None:
                bits = self.server_max_window_bits
                self.inflater = zlib.decompressobj(-bits)
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_payload_data(self, proto, data):
        if not self.in_message or not self.message_compressed:
            return data
        return self.inflate(bytes(data))

    def frame_inbound_complete(self, proto, fin):
        data = b""
        if fin and self.in_message and self.message_compressed:
            data = self.inflate(b"\x00\x00\xff\xff")
            assert not self.inflater.eof, "the server ended its stream"
            if self.server_no_context_takeover:
                self.inflater = None
        if fin and self.in_message:
            self._inbound_compressed = None
        return data

    def inflate(self, data):
        return inflate_strictly(self.inflater, self.server_max_window_bits, data)


def inflate_strictly(inflater, window_bits, data):
    """zlib sees a distance beyond the window only between two calls."""
    if window_bits == 15:
        return inflater.decompress(data)
    parts = []
    for start in range(0, len(data), 256):
        data_left = data[start : start + 256]
        part = None
        while data_left or part != b"":
            part = inflater.decompress(data_left, 1)
            data_left = inflater.unconsumed_tail
            parts.append(part)
    return b"".join(parts)


class DeflateClient(Client):
    """A client that also sends what it compresses itself."""

    def __init__(
        self, url, offer, lines=None, level=zlib.Z_DEFAULT_COMPRESSION
    ):
        """`lines` are the header lines, if they are not made of the offer."""
        offer = parameters(offer)
        lines = [header(offer)] if lines is None else lines
        self.extension = StrictDeflate(offer)
        self.level = level
        self.compressor = None
        super().__init__(
            url,
            extensions=[self.extension],
            headers=[
                (b"Sec-WebSocket-Extensions", line.encode()) for line in lines
            ],
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def agreed(self):
        return self.extension.agreed or ""

    def compress_part(self, data):
        """Compresses a part of a message, so that all of it can be inflated."""
        if self.compressor is None:
            self.compressor = zlib.compressobj(
                level=self.level, wbits=-self.extension.client_max_window_bits
            )
        compressed = self.compressor.compress(data)
        return compressed + self.compressor.flush(zlib.Z_SYNC_FLUSH)

    def compress(self, data):
        """Compresses a message's payload, in the context if there is one."""
        payload = self.compress_part(data)
        if self.extension.client_no_context_takeover:
            self.compressor = None
        return payload.removesuffix(b"\x00\x00\xff\xff") or b"\x00"

    def send_payload(self, kind, parts):
        """Sends a compressed message in as many frames as there are parts."""
        self.socket.sendall(payload_frames(kind, parts))

    def send_compressed(self, message):
        kind, data = encoded(message)
        self.send_payload(kind, [self.compress(data)])

    def send_plain(self, message):
        kind, data = encoded(message)
        self.socket.sendall(masked_frame(FIN | kind, data))


def header(offer):
    texts = ["permessage-deflate"]
    for name, value in offer.items():
        if value is not False:
            texts.append(name if value is True else f"{name}={value}")
    return "; ".join(texts)


def encoded(message):
    if isinstance(message, str):
        return TEXT, message.encode()
    return BINARY, message


def payload_frames(kind, parts):
    last = len(parts) - 1
    return b"".join(
        masked_frame(
            (RSV1 | kind if index == 0 else CONTINUATION)
            | (FIN if index == last else 0),
            part,
        )
        for index, part in enumerate(parts)
    )


def cut(random, data, most=8):
    """Cuts data at random places; some parts may be empty."""
    places = [random.randint(0, len(data)) for _ in range(random.randrange(most))]
    places = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in zip(places, places[1:])]


@contextmanager
def connect(url, offer, **options):
    client = DeflateClient(url, offer, **options)
    try:
        yield client
    finally:
        client.socket.close()


def varied(url, offer, seed, lines=None):
    """Messages that wsproto compresses; fragments and pings among them."""
    with connect(url, offer, lines=lines) as client:
        random = Random(seed)
        messages = VariedMessages(random)
        for message in messages.one_of_each():
            if random.randrange(2):
                client.echo(message)
                continue
            for part in cut(random, message):
                client.send(whole(part, finished=False), Ping(b"here"))
                same(client.pong(), b"here")
            client.send(whole(type(message)()))
            same(client.message(), message)
        # A few windows are enough, and the strict inflater is slow.
        windows = 4 << client.extension.server_max_window_bits
        client.echo(messages.long(max(8 * 1024, min(windows, 48 * 1024))))
        client.finish()
        return client.agreed


def cut_payloads(url, offer, seed, level, pings):
    """Frames that begin and end anywhere in a block; pings between them."""
    with connect(url, offer, level=level) as client:
        random = Random(seed)
        messages = VariedMessages(random)
        everything = [*messages.one_of_each() * 2, messages.long()]
        random.shuffle(everything)
        for message in everything:
            kind, data = encoded(message)
            parts = cut(random, client.compress(data))
            last = len(parts) - 1
            for index, part in enumerate(parts):
                head = RSV1 | kind if index == 0 else CONTINUATION
                head |= FIN if index == last else 0
                client.socket.sendall(masked_frame(head, part))
                if pings and index < last and random.randrange(2):
                    payload = random.randbytes(random.randrange(126))
                    client.socket.sendall(masked_frame(FIN | PING, payload))
                    same(client.pong(), payload)
            same(client.message(), message)
        # Every byte a frame of its own.
        kind, data = encoded(messages.json())
        parts = [bytes([byte]) for byte in client.compress(data)]
        client.send_payload(kind, parts)
        same(client.message(), data.decode())
        client.finish()
        return client.agreed


def mixed(url, offer, seed, expected):
    """Compressed and plain messages in turns, in both directions.

    `expected` has for each message, over and over, whether the server must
    have compressed it: "1" or "0", or "-" where it may choose.
    """
    with connect(url, offer) as client:
        random = Random(seed)
        messages = VariedMessages(random)
        for index in range(120):
            message = messages.next()
            if random.randrange(2):
                client.send_compressed(message)
            else:
                client.send_plain(message)
            same(client.message(), message)
            compressed = expected[index % len(expected)]
            if compressed != "-":
                same(client.extension.compressed[index], compressed == "1")
        client.finish()
        return client.agreed


def threshold(url, offer, bytes_from):
    """Sees which lengths the server compresses."""
    with connect(url, offer) as client:
        for length in (bytes_from, bytes_from - 1, bytes_from + 1, 0) * 3:
            client.send_compressed("a" * length)
            same(client.message(), "a" * length)
            same(client.extension.compressed[-1], length >= bytes_from)
        client.finish()
        return client.agreed


def conversation(url, offer, seed, count):
    """Compressed and plain messages, many of them under way at once."""
    with connect(url, offer) as client:
        random = Random(seed)
        messages = VariedMessages(random)
        for start in range(0, count, 50):
            batch = [messages.next() for _ in range(min(50, count - start))]
            for message in batch:
                if random.randrange(8):
                    client.send_compressed(message)
                else:
                    client.send_plain(message)
            for message in batch:
                same(client.message(), message)
        client.finish()
        return client.agreed


def large(url, offer, seed):
    """16 MiB that compress to a few KiB, and 16 MiB that do not compress."""
    with connect(url, offer) as client:
        for data in (
            repeated_bytes(16 * MEBIBYTE),
            Random(seed).randbytes(16 * MEBIBYTE),
        ):
            client.send(whole(data))
            same(client.message(), data)
        client.finish()
        return client.agreed


def payloads(url, offer, messages):
    """Payloads as they are, in hexadecimal, and what is to come back."""
    for split in (False, True):
        with connect(url, offer) as client:
            for payload, message in messages:
                data = bytes.fromhex(payload)
                parts = [data]
                if split:
                    parts = [bytes([byte]) for byte in data]
                client.send_payload(TEXT, parts)
                same(client.message(), message)
            client.finish()


def unfinished(url, offer):
    """Gets each fragment back before it sends the next one."""
    with connect(url, offer) as client:
        for index in range(20):
            text = f"token {index % 3}"
            part = client.compress_part(text.encode())
            head = RSV1 | TEXT if index == 0 else CONTINUATION
            client.socket.sendall(masked_frame(head, part))
            received = ""
            while len(received) < len(text):
                event = client.next()
                assert not event.message_finished, event
                received += event.data
            same(received, text)
        client.socket.sendall(masked_frame(FIN | CONTINUATION, b"\x00"))
        same(client.message(), "")
        client.finish()
        return client.agreed


def refused_unfinished(url, offer, part, closeCode):
    """A first fragment after which the server must close."""
    with connect(url, offer) as client:
        client.socket.settimeout(10)
        data = bytes.fromhex(part)
        client.socket.sendall(masked_frame(RSV1 | TEXT, data))
        client.closed(closeCode)


def refused(url, offer, payload, closeCode, split=False):
    """A payload after which the server must close."""
    with connect(url, offer) as client:
        data = bytes.fromhex(payload)
        parts = [data]
        if split:
            parts = [bytes([byte]) for byte in data] + [b""]
        client.send_payload(TEXT, parts)
        client.closed(closeCode)


def refused_frames(url, offer, frames, closeCode):
    """Frames, each the first byte and a payload, that are against RFC 7692."""
    with connect(url, offer) as client:
        for head, payload in frames:
            data = bytes.fromhex(payload)
            client.socket.sendall(masked_frame(head, data))
        client.closed(closeCode)


def bomb(url, offer, length, split=False):
    """Zeros that are few bytes on the wire."""
    with connect(url, offer) as client:
        zeros = client.compress(bytes(length))
        parts = [zeros]
        if split:
            parts = [zeros[at : at + 500] for at in range(0, len(zeros), 500)]
        client.send_payload(BINARY, parts)
        client.closed(1009)


def unfinished_bomb(url, offer, length):
    """As much without an end: the message's last frame is never sent."""
    with connect(url, offer) as client:
        zeros = client.compress(bytes(length))
        client.socket.sendall(masked_frame(RSV1 | BINARY, zeros))
        client.closed(1009)


SCENARIOS = {
    "varied": varied,
    "cut-payloads": cut_payloads,
    "mixed": mixed,
    "threshold": threshold,
    "conversation": conversation,
    "large": large,
    "payloads": payloads,
    "unfinished": unfinished,
    "refused-unfinished": refused_unfinished,
    "refused": refused,
    "refused-frames": refused_frames,
    "bomb": bomb,
    "unfinished-bomb": unfinished_bomb,
}

if __name__ == "__main__":
    answer_requests(
        lambda scenario, url, **options: SCENARIOS[scenario](url, **options)
    )
