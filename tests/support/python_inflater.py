"""Inflates the messages of permessage-deflate with Python's zlib.

Reads jobs, one JSON object a line, and answers each with one. A job has
"wbits", 8 to 15; "takeover", whether one window serves all of its messages; and
"messages", the payloads as they stand on the wire, in hexadecimal digits.
"""

import json
import sys
import zlib

for line in sys.stdin:
    job = json.loads(line)
    inflater = None
    outputs = []
    error = None
    for index, digits in enumerate(job["messages"]):
        if inflater is None or not job["takeover"]:
            inflater = zlib.decompressobj(wbits=-job["wbits"])
        try:
            output = inflater.decompress(bytes.fromhex(digits) + b"\0\0\xff\xff")
        except zlib.error as failure:
            error = f"message {index}: {failure}"
            break
        if inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
            error = f"message {index}: a block has BFINAL set"
            break
        outputs.append(output.hex())
    json.dump({"outputs": outputs, "error": error}, sys.stdout)
    print(flush=True)
