"""A network that can be told what to do with datagrams: between a client and a server on this machine."""

import heapq
import itertools
import socket
import threading
import time

TO_SERVER, TO_CLIENT = "to server", "to client"
# IP and UDP headers in front of what a datagram carries.
HEADERS = 28
# Content type of DTLS records (RFC 5246, section 6.2.1).
APPLICATION_DATA = 23


class Proxy:
    """Hands datagrams on as `fate(direction, number, datagram)` says: seconds to wait, once for each copy; none: lost.

    `number` counts the datagrams of that direction from 0.
    """

    def __init__(self, server_port, fate):
        self.fate = fate
        self.server = ("127.0.0.1", server_port)
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.client = None
        self.counts = {TO_SERVER: 0, TO_CLIENT: 0}
        self.waiting = []
        # Of two that leave at the same moment, the one that came first goes first.
        self.order = itertools.count()
        self.news = threading.Condition()
        self.open = True
        for work in (lambda: self._receive(self.front, TO_SERVER), lambda: self._receive(self.back, TO_CLIENT),
                     self._deliver):
            threading.Thread(target=work, daemon=True).start()

    def _receive(self, one, direction):
        while self.open:
            try:
                datagram, source = one.recvfrom(65536)
            except OSError:
                return
            if direction == TO_SERVER:
                self.client = source
            with self.news:
                number = self.counts[direction]
                self.counts[direction] += 1
                for wait in self.fate(direction, number, datagram):
                    entry = (time.monotonic() + wait, next(self.order), direction, datagram)
                    heapq.heappush(self.waiting, entry)
                self.news.notify_all()

    def _deliver(self):
        while True:
            with self.news:
                while self.open and (not self.waiting or self.waiting[0][0] > time.monotonic()):
                    self.news.wait(self.waiting[0][0] - time.monotonic() if self.waiting else None)
                if not self.open:
                    return
                *_, direction, datagram = heapq.heappop(self.waiting)
            try:
                if direction == TO_SERVER:
                    self.back.sendto(datagram, self.server)
                else:
                    self.front.sendto(datagram, self.client)
            except OSError:
                pass  # the receiver has gone, as receivers do

    def close(self):
        with self.news:
            self.open = False
            self.news.notify_all()
        for one in (self.front, self.back):
            one.close()


def reordered(direction, number, datagram):
    """Of each two datagrams the first arrives behind the second."""
    return (0.03 if number % 2 == 0 else 0.0,)


def duplicated(direction, number, datagram):
    return (0.0, 0.02)


def lossy(direction, number, datagram):
    """Two datagrams of each side's handshake are lost, always the same; data is spared: not every peer repeats it."""
    return () if number in (1, 4) and datagram[0] != APPLICATION_DATA else (0.0,)


def mtu(size):
    """IP packets above this size vanish."""
    return lambda direction, number, datagram: (0.0,) if len(datagram) + HEADERS <= size else ()
