"""Listens in between two CoAP programs: a relay that notes what goes through it."""

import dataclasses
import select
import socket
import threading
import time

from .harness import PATIENCE, Failed

CON, NON, ACK, RST = range(4)
OBSERVE, BLOCK2, BLOCK1 = 6, 23, 27
# The largest payload of a UDP datagram, and then some.
DATAGRAM = 65535


@dataclasses.dataclass
class Message:
    """What the checks want to know of a message (RFC 7252, section 3)."""

    from_client: bool
    kind: int
    code: str
    id: int
    token: bytes
    options: dict

    def block_size(self, option):
        """Bytes of a block; None where the message has no such option (RFC 7959, section 2.2)."""
        value = self.options.get(option)
        return None if value is None else 16 << ((value[-1] if value else 0) & 7)


def parse(datagram, from_client):
    first, code, high, low = datagram[:4]
    length = first & 15
    options = {}
    at, number = 4 + length, 0
    while at < len(datagram) and datagram[at] != 0xFF:
        delta, size = datagram[at] >> 4, datagram[at] & 15
        at += 1
        extended = []
        for part in (delta, size):
            if part == 13:
                part = datagram[at] + 13
                at += 1
            elif part == 14:
                part = int.from_bytes(datagram[at:at + 2]) + 269
                at += 2
            extended.append(part)
        number += extended[0]
        options[number] = datagram[at:at + extended[1]]
        at += extended[1]
    return Message(from_client, first >> 4 & 3, f"{code >> 5}.{code & 31:02}", high << 8 | low,
                   datagram[4:4 + length], options)


class Relay:
    """Passes datagrams on between any number of clients and one server of 127.0.0.1."""

    def __init__(self, uri):
        host, port = uri.removeprefix("coap://").split(":")
        self.server = (host, int(port))
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.uri = f"coap://127.0.0.1:{self.front.getsockname()[1]}"
        self.messages = []
        # Socket towards the server of each client, and the other way round.
        self.backs = {}
        self.clients = {}
        self.running = True
        threading.Thread(target=self._pass, daemon=True).start()

    def _pass(self):
        while self.running:
            ready, _, _ = select.select([self.front, *self.clients], [], [], 0.2)
            for one in ready:
                try:
                    self._pass_one(one)
                except OSError:
                    pass  # who is gone hears nothing: as on any network

    def _pass_one(self, one):
        if one is self.front:
            datagram, client = one.recvfrom(DATAGRAM)
            back = self.backs.get(client)
            if back is None:
                back = self.backs[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                back.connect(self.server)
                self.clients[back] = client
            self.messages.append(parse(datagram, True))
            back.send(datagram)
        else:
            datagram = one.recv(DATAGRAM)
            self.messages.append(parse(datagram, False))
            self.front.sendto(datagram, self.clients[one])

    def mark(self):
        """The place behind the last message so far."""
        return len(self.messages)

    def wait(self, since, what, holds):
        """The first message from there on for which `holds` is true."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for message in self.messages[since:]:
                if holds(message):
                    return message
            time.sleep(0.02)
        raise Failed(f"{what} is not among {self.messages[since:]}")

    def stop(self):
        self.running = False
        for one in [self.front, *self.clients]:
            one.close()
