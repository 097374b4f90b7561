"""What two CoAP programs do with each other, whichever of them is ours: methods, blocks, observation, separate
responses.

A client here is an object with `ask(method, path, ...)`, which returns an `Answer`, and `observe(path)`, which returns
an object with `next()` and `stop()`. A `Place` says where the server has what."""

import dataclasses
import random
import re
import subprocess
import tempfile
import pathlib

from .harness import Failed, Program, expect

# Bytes of the bodies for each block size: the larger the better, but each block takes a message id, and a client must
# not use one twice within 247 s.
BODIES = {16: 4 << 10, 32: 8 << 10, 64: 32 << 10, 128: 64 << 10, 256: 128 << 10, 512: 256 << 10, 1024: 1 << 20}


def body(size):
    """Bytes without a pattern, the same in every run."""
    return random.Random(size).randbytes(size)


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


class Checks:
    def __init__(self, table, area, client, place):
        self.table = table
        self.area = area
        self.client = client
        self.place = place

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
        check("observe: a state of 4 KiB in blocks of 256", self.large_observation)
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
        expect(self.put(name, content, **how).code, "2.01")
        answer = self.get(name, **how)
        expect(answer.code, "2.05")
        expect(len(answer.payload), len(content), "length")
        if answer.payload != content:
            raise Failed("the bytes that came back are others")
        expect(self.client.ask("delete", self.document(name)).code, "2.02")

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
        expect((answer.code, answer.payload == content), ("2.05", True))

    def observation(self):
        self.put("watched", b"one")
        watch = self.client.observe(self.document("watched"))
        try:
            expect(watch.next(), b"one", "first state")
            for state in (b"two", b"three", b"four"):
                self.put("watched", state)
                expect(watch.next(), state, "state")
        finally:
            watch.stop()
        # Nobody listens any more, and nothing comes of that.
        expect(self.put("watched", b"five").code, "2.04")
        expect(self.get("watched").payload, b"five")
        self.client.ask("delete", self.document("watched"))

    def large_observation(self):
        states = [body((4 << 10) + n) for n in range(3)]
        self.put("large", states[0])
        watch = self.client.observe(self.document("large"), block=256)
        try:
            expect(watch.next() == states[0], True, "first state as put")
            for state in states[1:]:
                self.put("large", state)
                expect(watch.next() == state, True, "state as put")
        finally:
            watch.stop()
        self.client.ask("delete", self.document("large"))

    def separate(self):
        answer = self.client.ask("get", self.place.separate)
        expect(answer.code, "2.05")
        if not answer.payload:
            raise Failed("the answer has no payload")


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

    def __init__(self, binary):
        super().__init__("lwm2m-coap", [binary, "serve", "--listen", "127.0.0.1:0"])
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
