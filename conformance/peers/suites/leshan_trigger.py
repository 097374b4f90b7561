#!/usr/bin/env python3
"""A trigger for `lwm2m-conformance server`: hands what is wanted to the suite that has Leshan's server.

The suite listens on the socket that LWM2M_ORDERS names; `leshan_orders.py` is the other end.
"""

import json
import os
import socket
import sys


def main():
    order = {"arguments": sys.argv[1:],
             "settings": {name: value for name, value in os.environ.items() if name.startswith("LWM2M_")}}
    with socket.socket(socket.AF_UNIX) as suite:
        suite.connect(os.environ["LWM2M_ORDERS"])
        suite.sendall(json.dumps(order).encode() + b"\n")
        with suite.makefile() as answer:
            done = json.loads(answer.readline())
    print(done["text"], file=sys.stdout if done["code"] == 0 else sys.stderr)
    sys.exit(done["code"])


main()
