"""Messages for the clients in Python that compress."""

import json
import re

ALPHABET = "ab é漢😀\n"


class VariedMessages:
    """Messages that differ in all that compression may depend on.

    That is what they are made of, whether they are shorter or longer than the
    usual threshold of 1,024 bytes, and how far back in the connection the
    same bytes were last seen: from next to nothing to beyond 32 KiB.
    """

    def __init__(self, random):
        self.random = random
        self.blocks = [random.randbytes(600) for _ in range(70)]
        self.words = [f"{random.getrandbits(40):x}" for _ in range(200)]
        self.kinds = [
            lambda: "",
            lambda: b"",
            lambda: self.prose(1, 20),
            lambda: self.prose(80, 110),
            lambda: "".join(random.choices(ALPHABET, k=random.randrange(800))),
            self.json,
            lambda: random.randbytes(random.randrange(1500)),
            lambda: random.randbytes(random.randrange(1020, 1028)),
            lambda: bytes(random.randrange(2000)),
            lambda: b"".join(random.choices(self.blocks, k=2)),
            lambda: random.choice(self.blocks),
        ]

    def prose(self, least, most):
        count = self.random.randint(least, most)
        return " ".join(self.random.choices(self.words, k=count))

    def json(self):
        return json.dumps(
            [
                {
                    "symbol": self.random.choice(self.words),
                    "price": self.random.randrange(1_000_000) / 100,
                    "size": self.random.randrange(1000),
                }
                for _ in range(self.random.randrange(1, 20))
            ]
        )

    def next(self):
        return self.random.choice(self.kinds)()

    def one_of_each(self):
        return [make() for make in self.kinds]

    def long(self, length=80 * 1024):
        """Has the same bytes again at every distance, short and long."""
        data = bytearray(self.random.randbytes(64))
        while len(data) < length:
            start = len(data) - int(2 ** self.random.uniform(6, 16))
            if start >= 0:
                data += data[start : start + self.random.randrange(8, 40)]
            data += self.random.randbytes(8)
        return bytes(data[:length])


def parameters(offer):
    """The offer with the names of RFC 7692."""
    return {
        re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name): value
        for name, value in offer.items()
    }
