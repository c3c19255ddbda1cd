"""Python's wsproto, a thread for each connection, as a server.

It inflates strictly: a client that does not keep to the window that was agreed
is told 1007. /echo sends every message back; /fragments does so in fragments
cut at random places, inside of deflate blocks as well, with pings between them.
"""

import socketserver
import threading
import zlib

from client_servers import Asked, listens, tls, until_told
from deflate_wsproto_peer import (
    CONTINUATION,
    FIN,
    PING,
    RSV1,
    cut,
    encoded,
    inflate_strictly,
)
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason
from wsproto_peer import whole


class StrictInflater:
    """Stands for the zlib object of wsproto's extension."""

    def __init__(self, window_bits):
        self.window_bits = window_bits
        self.inflater = zlib.decompressobj(-window_bits)

    def decompress(self, data):
        return inflate_strictly(self.inflater, self.window_bits, data)

    def flush(self):
        return b""


class StrictDeflate(PerMessageDeflate):
    """Asks what it is told to, and holds the client to what was agreed."""

    def __init__(self, wishes):
        super().__init__()
        self.wishes = wishes
        if wishes.get("client_no_context_takeover"):
            self.client_no_context_takeover = True
        if wishes.get("server_no_context_takeover"):
            self.server_no_context_takeover = True

    def accept(self, offer):
        """wsproto has no wishes of its own for the windows."""
        words = [word.strip() for word in offer.split(";")]
        for name in ("server_max_window_bits", "client_max_window_bits"):
            offered = [w for w in words if w.split("=")[0] == name]
            limits = [int(w.split("=")[1]) for w in offered if "=" in w]
            if name in self.wishes:
                assert offered or name.startswith("server"), offer
                limits.append(self.wishes[name])
            words = [w for w in words if w not in offered]
            if limits:
                words.append(f"{name}={min(limits)}")
        return super().accept("; ".join(words))

    def frame_inbound_header(self, proto, opcode, rsv, payload_length):
        # wsproto takes a ping for the end of the message that it is within.
        if opcode.iscontrol():
            self._inbound_is_compressible = False
            return CloseReason.PROTOCOL_ERROR if rsv.rsv1 else rsv
        # Before the one of wsproto makes its own.
        if rsv.rsv1 and self._decompressor is None:
            self._decompressor = StrictInflater(self.client_max_window_bits)
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_complete(self, proto, fin):
        if not self._inbound_is_compressible:
            return None
        return super().frame_inbound_complete(proto, fin)


def frame(head, payload):
    length = len(payload)
    if length < 126:
        return bytes([head, length]) + payload
    if length < 0x10000:
        return bytes([head, 126]) + length.to_bytes(2, "big") + payload
    return bytes([head, 127]) + length.to_bytes(8, "big") + payload


class Connection(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self):
        if self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(
                self.request, server_side=True
            )
        self.connection = WSConnection(ConnectionType.SERVER)
        self.parts = []
        self.compressor = None
        open_ = True
        while open_:
            data = self.request.recv(65_536)
            self.connection.receive_data(data or None)
            for event in self.connection.events():
                open_ = self.take(event) and open_
        self.request.close()

    def send(self, event):
        self.request.sendall(self.connection.send(event))

    def take(self, event):
        """Whether the connection goes on."""
        if isinstance(event, Request):
            self.asked = Asked(event.target)
            self.deflate = None
            extensions = []
            if self.asked.deflate is not None:
                self.deflate = StrictDeflate(self.asked.deflate)
                extensions.append(self.deflate)
            self.send(AcceptConnection(extensions=extensions))
        elif isinstance(event, (TextMessage, BytesMessage)):
            data = event.data
            self.parts.append(data if isinstance(data, str) else bytes(data))
            if event.message_finished:
                message = type(self.parts[0])().join(self.parts)
                self.parts = []
                if self.asked.path == "/fragments":
                    self.send_fragments(message)
                else:
                    self.send(whole(message))
        elif isinstance(event, Ping):
            self.send(event.response())
        elif isinstance(event, CloseConnection):
            self.send(event.response())
            return False
        return True

    def send_fragments(self, message):
        random = self.asked.random
        kind, data = encoded(message)
        if self.deflate is not None and self.deflate.enabled():
            data = self.compress(data)
            kind |= RSV1
        frames = []
        parts = cut(random, data)
        for index, part in enumerate(parts):
            head = kind if index == 0 else CONTINUATION
            head |= FIN if index == len(parts) - 1 else 0
            frames.append(frame(head, part))
            if random.randrange(2):
                frames.append(frame(FIN | PING, random.randbytes(5)))
        self.request.sendall(b"".join(frames))

    def compress(self, data):
        if self.compressor is None:
            bits = self.deflate.server_max_window_bits
            self.compressor = zlib.compressobj(wbits=-bits)
        payload = self.compressor.compress(data)
        payload += self.compressor.flush(zlib.Z_SYNC_FLUSH)
        if self.deflate.server_no_context_takeover:
            self.compressor = None
        return payload.removesuffix(b"\x00\x00\xff\xff") or b"\x00"


class Server(socketserver.ThreadingTCPServer):
    """Listens on a free port."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, tls):
        super().__init__(("127.0.0.1", 0), Connection)
        self.tls = tls
        threading.Thread(target=self.serve_forever, daemon=True).start()


ws, wss = Server(None), Server(tls())
listens(ws.server_address[1], wss.server_address[1])
until_told()
