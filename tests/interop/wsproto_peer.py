"""Python's wsproto, on a blocking socket, as a client."""

import os
import socket
import struct
from contextlib import contextmanager
from urllib.parse import urlsplit

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
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason

TIMEOUT = 30


class Client:
    """A connection whose events are taken one by one."""

    def __init__(self, url, subprotocols=(), extensions=(), headers=()):
        parts = urlsplit(url)
        self.socket = socket.create_connection(
            (parts.hostname, parts.port), TIMEOUT
        )
        if parts.scheme == "wss":
            self.socket = tls().wrap_socket(
                self.socket, server_hostname=parts.hostname
            )
        self.connection = WSConnection(ConnectionType.CLIENT)
        self.events = iter(())
        self.send(
            Request(
                host=parts.netloc,
                target=f"{parts.path}?{parts.query}",
                subprotocols=list(subprotocols),
                extensions=list(extensions),
                extra_headers=list(headers),
            )
        )
        accepted = self.next()
        if isinstance(accepted, RejectConnection):
            raise AssertionError(f"refused: {accepted}")
        assert isinstance(accepted, AcceptConnection), accepted
        self.subprotocol = accepted.subprotocol

    def send(self, *events):
        """Sends several events in one write."""
        self.socket.sendall(
            b"".join(self.connection.send(event) for event in events)
        )

    def next(self):
        """The next event, which may be only a part of a message."""
        while True:
            for event in self.events:
                return event
            self.connection.receive_data(self.socket.recv(65_536) or None)
            self.events = self.connection.events()

    def message(self):
        """The next message, whole."""
        parts = []
        while True:
            event = self.next()
            if not isinstance(event, (TextMessage, BytesMessage)):
                raise AssertionError(f"expected a message, got {event}")
            data = event.data
            parts.append(data if isinstance(data, str) else bytes(data))
            if event.message_finished:
                return type(parts[0])().join(parts)

    def pong(self):
        """The payload of the next event, a pong."""
        event = self.next()
        assert isinstance(event, Pong), event
        return bytes(event.payload)

    def echo(self, message):
        self.send(whole(message))
        same(self.message(), message)

    def closed(self, code, reason=None):
        """Checks that the next event is a close with this code."""
        event = self.next()
        assert isinstance(event, CloseConnection), event
        same(int(event.code), code)
        if reason is not None:
            same(event.reason or "", reason)

    def ended(self):
        """Checks that the server ends TCP first, with nothing before."""
        same(self.socket.recv(1), b"")

    def finish(self):
        self.send(CloseConnection(code=1000))
        self.closed(1000)
        self.ended()


@contextmanager
def connect(url, **options):
    client = Client(url, **options)
    try:
        yield client
    finally:
        client.socket.close()


def whole(message, finished=True):
    kind = TextMessage if isinstance(message, str) else BytesMessage
    return kind(data=message, message_finished=finished)


def masked_frame(head, payload):
    """A frame of which this client would not make the payload."""
    if len(payload) < 126:
        start = bytes([head, 0x80 | len(payload)])
    elif len(payload) < 0x10000:
        start = struct.pack("!BBH", head, 0x80 | 126, len(payload))
    else:
        start = struct.pack("!BBQ", head, 0x80 | 127, len(payload))
    key = os.urandom(4)
    masked = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    return start + key + masked


def text(url):
    with connect(url) as client:
        for message in TEXTS:
            client.echo(message)
        client.finish()


def leading_bom(url):
    with connect(url) as client:
        for message in LEADING_BOM:
            client.echo(message)
        client.finish()


def binary(url):
    with connect(url) as client:
        for message in BINARIES:
            client.echo(message)
        client.finish()


def empty(url):
    with connect(url) as client:
        client.echo("")
        client.echo(b"")
        client.finish()


def large_binary(url):
    with connect(url) as client:
        client.echo(repeated_bytes(16 * MEBIBYTE))
        client.finish()


def large_text(url):
    with connect(url) as client:
        client.echo(LARGE_TEXT)
        client.finish()


def pipelined(url):
    with connect(url) as client:
        # One write: frames start and end anywhere in what the server reads.
        client.send(*(whole(str(index)) for index in range(10_000)))
        for index in range(10_000):
            same(client.message(), str(index))
        client.finish()


def fragmented(url):
    with connect(url) as client:
        for parts in (
            ["Hel", "", "lo"],
            ["", "", ""],
            ["a", "é", "漢", "😀"],
            [b"\x00", b"", b"\x01\x02"],
            [bytes([index % 256]) for index in range(1000)],
        ):
            last = len(parts) - 1
            client.send(
                *(
                    whole(part, finished=index == last)
                    for index, part in enumerate(parts)
                )
            )
            same(client.message(), type(parts[0])().join(parts))
        # A character of four bytes over four frames, a write each.
        for index, byte in enumerate("😀".encode()):
            head = (0x80 if index == 3 else 0) | (0x1 if index == 0 else 0)
            client.socket.sendall(masked_frame(head, bytes([byte])))
        same(client.message(), "😀")
        client.finish()


def ping(url):
    with connect(url) as client:
        for payload in (b"", b"ping", bytes(range(125))):
            client.send(Ping(payload))
            same(client.pong(), payload)
        client.finish()


def ping_between_fragments(url):
    with connect(url) as client:
        client.send(whole("Hel", finished=False), Ping(b"one"))
        same(client.pong(), b"one")
        client.send(
            whole("lo", finished=False),
            Ping(b"two"),
            Ping(b"three"),
            whole("!"),
        )
        same(client.pong(), b"two")
        same(client.pong(), b"three")
        same(client.message(), "Hello!")
        client.finish()


def server_ping(url):
    with connect(url) as client:
        event = client.next()
        assert isinstance(event, Ping), event
        same(bytes(event.payload), b"are you there")
        client.send(event.response())
        assert float(client.message()) >= 0
        client.finish()


def subprotocol(url):
    offered = ["chat.v0", "chat.v1", "chat.v2"]
    with connect(url, subprotocols=offered) as client:
        same(client.subprotocol, "chat.v2")
        client.echo("Hello")
        client.finish()


def close_with_reason(url):
    with connect(url) as client:
        client.send(CloseConnection(code=4001, reason=GOODBYE))
        client.closed(4001)
        client.ended()


def close_without_code(url):
    with connect(url) as client:
        client.send(CloseConnection(code=CloseReason.NO_STATUS_RCVD))
        client.closed(1005, "")
        client.ended()


def server_close(url):
    with connect(url) as client:
        event = client.next()
        assert isinstance(event, CloseConnection), event
        same((event.code, event.reason), (4002, GOODBYE))
        client.send(event.response())
        client.ended()


def too_large(url):
    with connect(url) as client:
        client.send(whole(bytes(16 * MEBIBYTE + 1)))
        client.closed(1009)


def vanish(url):
    with connect(url) as client:
        client.echo("Hello")


def invalid_utf8(url):
    with connect(url) as client:
        client.socket.sendall(masked_frame(0x81, b"H\xff"))
        client.closed(1007)


def invalid_utf8_unfinished(url):
    with connect(url) as client:
        # A frame of five bytes of which the first two are sent.
        frame = masked_frame(0x01, b"\xed\xa0\x80!!")
        client.socket.sendall(frame[:-3])
        client.closed(1007)


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
    "close-without-code": close_without_code,
    "server-close": server_close,
    "too-large": too_large,
    "vanish": vanish,
    "invalid-utf8": invalid_utf8,
    "invalid-utf8-unfinished": invalid_utf8_unfinished,
}

if __name__ == "__main__":
    answer_requests(lambda scenario, url: SCENARIOS[scenario](url))
