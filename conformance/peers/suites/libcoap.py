"""Raw CoAP at our server: libcoap's client, and bytes that no client would send."""

import random
import re
import shutil
import socket
import subprocess

from .harness import Failed, expect, expect_in

AREA = "libcoap client"
RAW = "raw datagrams"
CLIENTS = ("coap-client-notls", "coap-client", "coap-client-gnutls", "coap-client-openssl")
# How long an answer that must not come is waited for, seconds.
SILENCE = 0.5


def run(table, server):
    client = next(filter(None, map(shutil.which, CLIENTS)), None)
    if client:
        Requests(table, server, client).all()
    else:
        table.skip(AREA, "all", "coap-client of libcoap is not installed")
    Datagrams(table, server).all()


class Requests:
    """What libcoap's client asks, and what it says the answer is."""

    def __init__(self, table, server, client):
        self.table = table
        self.server = server
        self.client = client

    def ask(self, method, path, *options):
        """Code and options of the last answer."""
        command = [self.client, "-v", "7", "-B", "10", "-m", method, *options,
                   f"coap://127.0.0.1:{self.server.coap}{path}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, errors="replace")
        answers = re.findall(r"t:(?:ACK|CON|NON) c:([245]\.\d\d) .*", result.stdout + result.stderr)
        if not answers:
            raise Failed(f"no answer to {method} {path}: {(result.stdout + result.stderr)[-400:]!r}")
        lines = [line for line in (result.stdout + result.stderr).splitlines()
                 if re.search(r"t:(?:ACK|CON|NON) c:[245]\.", line)]
        return answers[-1], lines[-1], result.stdout

    def code(self, expected, method, path, *options):
        code, line, _ = self.ask(method, path, *options)
        expect(code, expected, line)
        return line

    def all(self):
        def check(name, call):
            self.table.check(AREA, name, call)

        def core():
            code, line, output = self.ask("get", "/.well-known/core")
            expect(code, "2.05", line)
            expect_in("</rd>", output)
            expect_in("rt=\"core.rd\"", output)

        links = ("-t", "40", "-e", "</3/0>,</3303/0>")
        check("GET /.well-known/core", core)
        check("GET of what is not there: 4.04", lambda: self.code("4.04", "get", "/nothing"))
        check("GET /rd: 4.05", lambda: self.code("4.05", "get", "/rd"))
        check("register, update, de-register", lambda: self.registration(links))
        check("register in blocks of 16", self.in_blocks)
        check("without endpoint name: 4.00", lambda: self.code("4.00", "post", "/rd?lwm2m=1.0&lt=60", *links))
        check("unknown version: 4.12", lambda: self.code("4.12", "post", "/rd?ep=raw-9&lwm2m=9.9&lt=60", *links))
        check("malformed links: 4.00", lambda: self.code(
            "4.00", "post", "/rd?ep=raw-bad&lwm2m=1.1&lt=60", "-t", "40", "-e", "</3/0>,<<<"))
        check("malformed lifetime: 4.00", lambda: self.code(
            "4.00", "post", "/rd?ep=raw-bad&lwm2m=1.1&lt=soon", *links))
        check("update of an unknown registration: 4.04", lambda: self.code("4.04", "post", "/rd/nobody"))
        check("unknown critical option: 4.02", lambda: self.code("4.02", "get", "/.well-known/core", "-O", "65001,x"))

    def registration(self, links):
        events = self.server.event_mark()
        line = self.code("2.01", "post", "/rd?ep=raw&lwm2m=1.1&lt=60&b=U", *links)
        parts = re.findall(r"Location-Path:([^,\s\]]+)", line)
        expect(parts[:1], ["rd"], line)
        data = self.server.event("registered", "raw", events)
        expect((data["version"], data["lifetime"], data["security"]), ("1.1", 60, "none"))
        place = "/" + "/".join(parts)
        self.code("2.04", "post", f"{place}?lt=90")
        self.server.event("updated", "raw", events, lambda data: data["lifetime"] == 90)
        self.code("2.02", "delete", place)
        self.server.event("deregistered", "raw", events)
        self.code("4.04", "post", place)

    def in_blocks(self):
        links = ",".join(f"</3303/{instance}>" for instance in range(40))
        events = self.server.event_mark()
        self.code("2.01", "post", "/rd?ep=raw-blocks&lwm2m=1.1&lt=60", "-t", "40", "-b", "16", "-e", f"</3/0>,{links}")
        self.server.event("registered", "raw-blocks", events)
        text = str(self.server.device("raw-blocks").info())
        expect_in("3303", text)
        expect_in("39", text)


class Datagrams:
    """Bytes straight at the socket of the server (RFC 7252, section 4.2 and 4.3)."""

    def __init__(self, table, server):
        self.table = table
        self.address = ("127.0.0.1", server.coap)
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def ask(self, datagram, patience=10.0):
        """The answer with the same message id, or None."""
        self.socket.settimeout(patience)
        self.socket.sendto(datagram, self.address)
        try:
            while True:
                answer = self.socket.recv(2048)
                if answer[2:4] == datagram[2:4]:
                    return answer
        except TimeoutError:
            return None

    def all(self):
        def check(name, call):
            self.table.check(RAW, name, call)

        def reset(name, datagram):
            answer = bytes([0x70, 0]) + datagram[2:4]
            check(f"{name}: reset", lambda: expect(self.ask(datagram), answer))

        def silence(name, datagram):
            check(f"{name}: silence", lambda: expect(self.ask(datagram, SILENCE), None))

        reset("ping", b"\x40\x00\x10\x01")
        reset("token of 9 bytes", b"\x49\x01\x10\x02" + bytes(9))
        reset("option cut off", b"\x40\x01\x10\x03\xb9.well")
        reset("payload marker without payload", b"\x40\x01\x10\x04\xff")
        reset("reserved option length", b"\x40\x01\x10\x05\xbf")
        reset("empty message with a payload", b"\x40\x00\x10\x06\xff1")
        silence("version 2", b"\x80\x00\x10\x07")
        silence("three bytes", b"\x40\x01\x10")
        silence("malformed, not confirmable", b"\x50\x01\x10\x08\xbf")
        silence("answer nobody asked for, not confirmable", b"\x51\x45\x10\x09z")
        reset("answer nobody asked for", b"\x41\x45\x10\x0az")
        check("a request twice is done once", self.once)
        check("2,000 random datagrams, then all is well", self.noise)

    def once(self):
        def option(delta, value):
            return bytes([delta << 4 | len(value)]) + value if len(value) < 13 else (
                bytes([delta << 4 | 13, len(value) - 13]) + value)
        request = (b"\x41\x02\x20\x01t" + option(11, b"rd") + option(1, b"(") + option(3, b"ep=raw-twice")
                   + option(0, b"lt=60") + option(0, b"lwm2m=1.1") + b"\xff</3/0>")
        events = self.server.event_mark()
        first, second = self.ask(request), self.ask(request)
        expect(second, first, "second answer")
        expect(first[1], 0x41, "code")
        self.server.event("registered", "raw-twice", events)
        with self.server.event_news:
            count = sum(event["kind"] == "registered" for event in self.server.events[events:])
        expect(count, 1, "registrations")

    def noise(self):
        """Some of the noise, and what is asked after it, may find the receive buffer full: hence asked again."""
        generator = random.Random(7252)
        for _ in range(2000):
            self.socket.sendto(generator.randbytes(generator.randrange(0, 80)), self.address)
        self.socket.close()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ping = b"\x40\x00\x30\x01"
        answer = next(filter(None, (self.ask(ping, patience) for patience in (1, 2, 4, 8, 16))), None)
        expect(answer, b"\x70\x00\x30\x01")
        self.server.call("GET", "/api/devices")
