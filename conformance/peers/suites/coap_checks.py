"""What two CoAP programs do with each other, whichever of them is ours: methods, blocks, observation, separate
responses.

A client here is an object with `ask(method, path, ...)`, which returns an `Answer`, and `observe(path)`, which returns
an object with `next()` and `stop()`. A `Place` says where the server has what. They talk through a relay, so that the
checks can look at the messages too."""

import dataclasses
import functools
import pathlib
import random
import re
import subprocess
import tempfile

from .harness import Failed, Program, expect
from .wire import ACK, BLOCK1, BLOCK2, CON, OBSERVE

# Bytes of the bodies for each block size: the larger the better, but each block takes a message id, and a client must
# not use one twice within 247 s.
BODIES = {16: 4 << 10, 32: 8 << 10, 64: 32 << 10, 128: 64 << 10, 256: 128 << 10, 512: 256 << 10, 1024: 1 << 20}


def body(size):
    """Bytes without a pattern, the same in every run."""
    return random.Random(size).randbytes(size)


def same(what, actual, content):
    """`expect` for bytes that are too many to be shown."""
    if actual != content:
        where = next((n for n, (a, b) in enumerate(zip(actual, content)) if a != b), min(len(actual), len(content)))
        raise Failed(f"{what}: {len(actual)} bytes in place of {len(content)}, others from byte {where} on")


@dataclasses.dataclass
class Answer:
    code: str
    payload: bytes


@dataclasses.dataclass
class Place:
    """What a server serves, and where."""

    # Documents are made below it by PUT.
    documents: str
    # FETCH: path, body, content format, expected code and payload (None: whatever).
    fetch: tuple
    # Whether iPATCH replaces the beginning of a document; else it is answered 4.05.
    ipatch: bool
    # Whether POST to a document appends to it, else it replaces it.
    post_appends: bool
    # GET of it is answered in a message of its own.
    separate: str
    # What it echoes by FETCH, in blocks both ways; None where there is nothing of that kind.
    echo: str = None
    # Whether it sends the states that it tells observers in blocks; else each goes in one datagram, however large.
    observe_in_blocks: bool = True


class Checks:
    def __init__(self, table, area, client, place, relay):
        self.table = table
        self.area = area
        self.client = client
        self.place = place
        self.relay = relay

    def all(self):
        def check(name, call):
            self.table.check(self.area, name, call)

        check("PUT, GET, POST, DELETE", self.methods)
        check("PUT and GET, non-confirmable", lambda: self.round_trip(b"not confirmable", "non", non=True))
        check("GET of what is not there: 4.04", lambda: expect(self.get("nothing").code, "4.04"))
        check("FETCH", self.fetch)
        check("iPATCH" if self.place.ipatch else "iPATCH where there is none: 4.05", self.ipatch)
        for block, size in BODIES.items():
            check(f"{size >> 10} KiB there and back in blocks of {block}",
                  lambda block=block, size=size: self.round_trip(body(size), f"blocks-{block}", block=block))
        if self.place.echo:
            check("FETCH with 64 KiB in blocks of 256, both ways", self.echo)
        check("observe: each change is told", self.observation)
        how = "in blocks of 256" if self.place.observe_in_blocks else "in one datagram, as this server does it"
        check(f"observe: states of 4 KiB {how}", self.large_observation)
        check("separate response", self.separate)

    def document(self, name):
        return f"{self.place.documents}/{name}"

    def get(self, name, **how):
        return self.client.ask("get", self.document(name), **how)

    def put(self, name, content, **how):
        return self.client.ask("put", self.document(name), content, **how)

    def methods(self):
        expect(self.put("note", b"hello").code, "2.01")
        expect(self.get("note"), Answer("2.05", b"hello"))
        expect(self.put("note", b"changed").code, "2.04")
        expect(self.get("note"), Answer("2.05", b"changed"))
        expect(self.client.ask("post", self.document("note"), b", twice").code, "2.04")
        posted = b"changed, twice" if self.place.post_appends else b", twice"
        expect(self.get("note"), Answer("2.05", posted))
        expect(self.client.ask("delete", self.document("note")).code, "2.02")
        expect(self.get("note").code, "4.04")

    def round_trip(self, content, name, **how):
        """Both directions: the request carries the body there, the response carries it back."""
        start = self.relay.mark()
        expect(self.put(name, content, **how).code, "2.01")
        half = self.relay.mark()
        answer = self.get(name, **how)
        expect(answer.code, "2.05")
        same("what came back", answer.payload, content)
        if block := how.get("block"):
            there, back = self.relay.messages[start:half], self.relay.messages[half:]
            self.in_blocks([message for message in there if message.from_client], BLOCK1, block, len(content))
            self.in_blocks([message for message in back if not message.from_client], BLOCK2, block, len(content))
        expect(self.client.ask("delete", self.document(name)).code, "2.02")

    @staticmethod
    def in_blocks(messages, option, block, size):
        sizes = [message.block_size(option) for message in messages if option in message.options]
        expect(set(sizes), {block}, "block sizes on the wire")
        # A repetition after a loss may make them more.
        if len(sizes) < size // block:
            raise Failed(f"{size} bytes in {len(sizes)} blocks of {block}")

    def fetch(self):
        path, request, content_format, code, payload = self.place.fetch
        if path.startswith(self.place.documents + "/"):
            self.client.ask("put", path, b"0123456789")
        answer = self.client.ask("fetch", path, request, content_format=content_format)
        expect(answer.code, code)
        if payload is not None:
            expect(answer.payload, payload)
        elif not answer.payload:
            raise Failed("the answer has no payload")

    def ipatch(self):
        self.put("patched", b"hello you")
        answer = self.client.ask("ipatch", self.document("patched"), b"HE")
        expect(answer.code, "2.04" if self.place.ipatch else "4.05")
        if self.place.ipatch:
            expect(self.get("patched").payload, b"HEllo you")
            big = body(8 << 10)
            expect(self.client.ask("ipatch", self.document("patched"), big, block=64).code, "2.04")
            expect(self.get("patched").payload, big)
        self.client.ask("delete", self.document("patched"))

    def echo(self):
        content = body(64 << 10)
        answer = self.client.ask("fetch", self.place.echo, content, block=256)
        expect(answer.code, "2.05")
        same("what came back", answer.payload, content)

    def observation(self):
        self.put("watched", b"one")
        start = self.relay.mark()
        watch = self.client.observe(self.document("watched"))
        try:
            expect(watch.next(), b"one", "first state")
            for state in (b"two", b"three", b"four"):
                self.put("watched", state)
                expect(watch.next(), state, "state")
            notifications = [message for message in self.relay.messages[start:]
                             if not message.from_client and OBSERVE in message.options]
            expect(len(notifications) >= 4, True, "Observe in the response and in three notifications")
        finally:
            watch.stop()
        # Nobody listens any more, and nothing comes of that.
        expect(self.put("watched", b"five").code, "2.04")
        expect(self.get("watched").payload, b"five")
        self.client.ask("delete", self.document("watched"))

    def large_observation(self):
        states = [body((4 << 10) + n) for n in range(3)]
        self.put("large", states[0])
        start = self.relay.mark()
        watch = self.client.observe(self.document("large"), block=256)
        try:
            same("first state", watch.next(), states[0])
            for state in states[1:]:
                self.put("large", state)
                same("state", watch.next(), state)
            if self.place.observe_in_blocks:
                messages = [message for message in self.relay.messages[start:] if not message.from_client]
                self.in_blocks(messages, BLOCK2, 256, sum(map(len, states)))
        finally:
            watch.stop()
        self.client.ask("delete", self.document("large"))

    def separate(self):
        start = self.relay.mark()
        answer = self.client.ask("get", self.place.separate)
        expect(answer.code, "2.05")
        if not answer.payload:
            raise Failed("the answer has no payload")
        # An acknowledgement of what went before may come first.
        request = next(it for it in self.relay.messages[start:] if it.from_client and it.code == "0.01")
        comes = functools.partial(self.relay.wait, start)
        comes("an empty acknowledgement", lambda it: (it.kind, it.code, it.id) == (ACK, "0.00", request.id))
        response = comes(
            "a response of its own", lambda it: (it.kind, it.code, it.token) == (CON, "2.05", request.token))
        comes("its acknowledgement", lambda it: (it.kind, it.id) == (ACK, response.id) and it.from_client)


# --- our program -----------------------------------------------------------------------------------


OUR_PLACE = Place(
    documents="/store",
    fetch=("/store/fetched", b"2-4", 0, "2.05", b"234"),
    ipatch=True,
    post_appends=True,
    separate="/separate?ms=700",
    echo="/echo",
)


class OurServer(Program):
    """`lwm2m-coap serve`"""

    def __init__(self, binary, large_answers="unlimited"):
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--large-answers", large_answers]
        super().__init__("lwm2m-coap", command)
        self.uri = re.search(r"coap://\S+", self.wait("listening on coap://")).group()


class OurClient:
    """`lwm2m-coap request`, once for each request"""

    def __init__(self, binary, uri):
        self.binary = binary
        self.uri = uri

    def ask(self, method, path, content=None, block=None, non=False, content_format=None):
        command = [self.binary, "request", method, self.uri + path]
        command += ["--block-size", str(block)] if block else []
        command += ["--non"] if non else []
        command += ["--format", str(content_format)] if content_format is not None else []
        with tempfile.TemporaryDirectory(prefix="lwm2m-coap-") as folder:
            if content is not None:
                file = pathlib.Path(folder, "body")
                file.write_bytes(content)
                command += ["--file", file]
            result = subprocess.run(command, capture_output=True, timeout=120)
        code = re.match(rb"[245]\.\d\d", result.stderr)
        if not code:
            raise Failed(f"no answer to {method} {path}: {result.stderr[-400:]!r}")
        return Answer(code.group().decode(), result.stdout)

    def observe(self, path, block=None):
        return OurObservation(self, path, block)


class OurObservation:
    def __init__(self, client, path, block):
        self.folder = tempfile.TemporaryDirectory(prefix="lwm2m-coap-")
        self.output = pathlib.Path(self.folder.name, "states")
        command = [client.binary, "request", "get", client.uri + path, "--observe", "1000", "--output", self.output]
        command += ["--block-size", str(block)] if block else []
        self.program = Program("lwm2m-coap", command)
        self.seen = 0
        self.read = 0

    def next(self):
        """The payload of the next state; they all stand in one file, one behind the other."""
        self.program.wait("state ", since=self.seen)
        line = next(n for n, line in enumerate(self.program.lines) if n >= self.seen and line.startswith("state "))
        self.seen = line + 1
        size = int(self.program.lines[line].split()[1])
        payload = self.output.read_bytes()[self.read:self.read + size]
        self.read += size
        return payload

    def stop(self):
        self.program.stop()
        self.folder.cleanup()
