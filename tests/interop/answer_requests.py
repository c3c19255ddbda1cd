"""The child's side of peer.ts, and what the clients in Python share.

By hand: echo '{"scenario":"text","url":"ws://127.0.0.1:8000/echo"}' |
/usr/bin/python3 -B tests/interop/wsproto_peer.py
"""

import json
import os
import ssl
import sys
import traceback

MEBIBYTE = 1024 * 1024

TEXTS = [
    "Hello",
    "é ß 漢字",
    "😀 𝄞",
    "\0",
    "\ufffd, as such",
    *("a" * length for length in (125, 126, 127, 65_535, 65_536, 65_537)),
]

# 10 bytes each, and 6: exactly 16 MiB.
LARGE_TEXT = "a 😀é§" * 1_677_721 + "123456"

GOODBYE = "à bientôt 😀"


def repeated_bytes(length):
    """Bytes of which a misplaced or lost block shows."""
    period = bytes(index % 251 for index in range(251))
    return (period * (length // 251 + 1))[:length]


LEADING_BOM = ["\ufeffabc", "\ufeff", "\ufeff\ufffd", "\ufeff" + "a" * 100_000]

BINARIES = [
    repeated_bytes(length)
    for length in (1, 2, 3, 125, 126, 127, 65_535, 65_536, 65_537, 300_000)
]


def tls():
    """A context that trusts the tests' certificate."""
    certificate = os.environ.get("WEIR_TEST_CERTIFICATE")
    return ssl.create_default_context(cafile=certificate)


def show(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)})"


def same(actual, expected):
    """Raises unless both are of the same type and equal."""
    if type(actual) is not type(expected) or actual != expected:
        raise AssertionError(f"expected {show(expected)}, got {show(actual)}")


def answer_requests(run):
    """Calls run(scenario, url, **options) for each request on standard input.

    What it returns, if anything, are the extensions that were agreed.
    """
    for line in sys.stdin:
        request = json.loads(line)
        options = request.get("options", {})
        answer = {}
        try:
            extensions = run(request["scenario"], request["url"], **options)
            if extensions is not None:
                answer["extensions"] = extensions
        except Exception:
            answer["error"] = traceback.format_exc()
        print(json.dumps(answer), flush=True)
