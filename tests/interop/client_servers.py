"""What the servers in Python share, which test the client."""

import json
import os
import ssl
import sys
from random import Random
from urllib.parse import parse_qsl, urlsplit

from answer_requests import MEBIBYTE

# It is for what is on the wire, too, which may be more than 16 MiB.
MAX_SIZE = 17 * MEBIBYTE


def tls():
    """A context with the tests' certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        os.environ["WEIR_TEST_CERTIFICATE"], os.environ["WEIR_TEST_KEY"]
    )
    return context


def listens(ws_port, wss_port):
    """Says where the server listens."""
    urls = {
        "ws": f"ws://127.0.0.1:{ws_port}/",
        "wss": f"wss://127.0.0.1:{wss_port}/",
    }
    print(json.dumps({"urls": urls}), flush=True)


def until_told():
    """Waits for the end of standard input."""
    sys.stdin.read()


class Asked:
    """What the target of a request asks for."""

    def __init__(self, target):
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        self.path = parts.path
        self.random = Random(int(query.pop("seed", "0")))
        # What the server is to ask of permessage-deflate, or None for none.
        self.deflate = None
        if query.pop("deflate", "1") == "1":
            self.deflate = {
                name: int(value) if name.endswith("bits") else True
                for name, value in query.items()
            }
