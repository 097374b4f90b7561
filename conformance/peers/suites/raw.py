"""Requests at /.well-known/core and /rd of our server that no client would send, byte by byte.

What is no CoAP message at all is sent by the suite `libcoap`; here each message is one, and what it asks is wrong.
"""

from .coap import (ACCEPT, BLOCK1, BLOCK2, CONTENT_FORMAT, DELETE, FETCH, GET, IF_MATCH, IPATCH, LINK_FORMAT, NON, POST,
                   PUT, SIZE1, Asker, block, path, queries)
from .harness import Failed, expect, expect_in

AREA = "raw requests"
CORE, RD = path("/.well-known/core"), path("/rd")
LINKS = (CONTENT_FORMAT, LINK_FORMAT)
RIGHT = queries("ep=raw-right", "lt=60", "lwm2m=1.1", "b=U")
PAYLOAD = b"</3/0>,</3303/0>"


def run(table, server):
    suite = Suite(table, server)
    try:
        suite.core()
        suite.registration()
        suite.blocks()
        suite.check("all is well afterwards", suite.is_well)
    finally:
        suite.asker.close()


class Suite:
    def __init__(self, table, server):
        self.table = table
        self.server = server
        self.asker = Asker(server.coap)

    def check(self, name, call):
        self.table.check(AREA, name, call)

    def answers(self, name, codes, code, *options, **how):
        """The request is answered by one of these codes."""
        def call():
            answer = self.asker.ask(code, *options, **how)
            if answer is None:
                raise Failed("no answer")
            expect_in(answer[0], codes, "code")
        self.check(f"{name}: {' or '.join(codes)}", call)

    def core(self):
        def filtered():
            code, answer = self.asker.ask(GET, *CORE, *queries("rt=core.rd"))
            expect(code, "2.05")
            expect_in(b"</rd>", answer, "links")
        self.check("/.well-known/core?rt=core.rd: </rd>", filtered)
        for name, code in (("PUT", PUT), ("POST", POST), ("DELETE", DELETE), ("FETCH", FETCH), ("iPATCH", IPATCH)):
            self.answers(f"{name} on /.well-known/core", ["4.05"], code, *CORE)
        self.answers("Accept of CBOR", ["4.06"], GET, *CORE, (ACCEPT, b"\x3c"))
        self.answers("a block far behind the end", ["4.00", "4.02"], GET, *CORE, (BLOCK2, block(900, 0, 6)))
        self.answers("block size 7, which is reserved", ["4.00", "4.02"], GET, *CORE, (BLOCK2, b"\x07"))
        self.answers("an unknown critical option", ["4.02"], GET, *CORE, (9, b""))
        self.answers("an unknown elective option", ["2.05"], GET, *CORE, (65000, b"x"))
        self.answers("If-Match", ["2.05", "4.12", "4.02"], GET, *CORE, (IF_MATCH, b"x"))
        self.answers("a path that is no UTF-8", ["4.00", "4.02", "4.04"], GET, (11, b"\xff\xfe"))
        self.answers("forty segments", ["4.04", "4.00", "4.02"], GET, *path("/a" * 40))
        self.check("not confirmable: answered so", self.non_confirmable)

    def non_confirmable(self):
        code, answer = self.asker.ask(GET, *CORE, kind=NON)
        expect((code, answer[0] & 0x30), ("2.05", NON << 4))

    def registration(self):
        def register(name, codes, *query, links=LINKS, payload=PAYLOAD, more=()):
            options = [*RD, *queries(*query), *([links] if links else []), *more]
            self.answers(name, codes, POST, *options, payload=payload)
        register("no query at all", ["4.00"])
        register("endpoint name empty", ["4.00"], "ep=", "lt=60", "lwm2m=1.1")
        register("endpoint name without a value", ["4.00"], "ep", "lt=60", "lwm2m=1.1")
        register("endpoint name of 255 bytes, the longest a query can say", ["4.00", "2.01"],
                 "ep=" + "x" * 252, "lt=60", "lwm2m=1.1")
        register("query longer than an option may be", ["4.00", "4.02"], "ep=" + "x" * 900, "lt=60", "lwm2m=1.1")
        register("query that is no UTF-8", ["4.00", "4.02"], b"ep=\xff\xfe", "lt=60", "lwm2m=1.1")
        register("endpoint name twice", ["4.00"], "ep=raw-a", "ep=raw-b", "lt=60", "lwm2m=1.1")
        register("no version, which is 1.0", ["2.01"], "ep=raw-1.0", "lt=60")
        register("no lifetime, in 1.1", ["4.00"], "ep=raw-wrong", "lwm2m=1.1")
        register("version 0.9", ["4.12"], "ep=raw-wrong", "lt=60", "lwm2m=0.9")
        register("version that is no number", ["4.00", "4.12"], "ep=raw-wrong", "lt=60", "lwm2m=one")
        register("lifetime beyond 32 bits", ["4.00"], "ep=raw-wrong", "lt=99999999999", "lwm2m=1.1")
        register("lifetime below zero", ["4.00"], "ep=raw-wrong", "lt=-1", "lwm2m=1.1")
        register("binding that is none", ["4.00"], "ep=raw-wrong", "lt=60", "lwm2m=1.1", "b=ZZ")
        register("payload in CBOR", ["4.15", "4.00"], "ep=raw-wrong", "lt=60", "lwm2m=1.1",
                 links=(CONTENT_FORMAT, b"\x3c"))
        register("no payload", ["4.00"], "ep=raw-wrong", "lt=60", "lwm2m=1.1", payload=b"")
        register("links that are no UTF-8", ["4.00"], "ep=raw-wrong", "lt=60", "lwm2m=1.1", payload=b"</3/\xff>")
        register("links that end in mid-text", ["4.00"], "ep=raw-wrong", "lt=60", "lwm2m=1.1", payload=b'</3/0>;ver="1')
        register("unknown critical option", ["4.02"], *[text for _, text in RIGHT], more=[(9, b"")])
        for name, code in (("GET", GET), ("PUT", PUT), ("DELETE", DELETE), ("FETCH", FETCH), ("iPATCH", IPATCH)):
            self.answers(f"{name} on /rd", ["4.05"], code, *RD)
        for name, code in (("update", POST), ("de-register", DELETE)):
            self.answers(f"{name} of what is not there", ["4.04"], code, *path("/rd/nobody"))
        self.answers("GET of a registration's place", ["4.05", "4.04"], GET, *path("/rd/nobody"))
        self.answers("a place below a registration", ["4.04", "4.05"], POST, *path("/rd/nobody/1/2"))
        self.check("Send of who is not registered: 4.04", self.stranger_sends)

    def stranger_sends(self):
        stranger = Asker(self.server.coap)
        try:
            code, _ = stranger.ask(POST, *path("/dp"), (CONTENT_FORMAT, b"\x6e"),
                                   payload=b'[{"n":"/3303/0/5700","v":1}]')
            expect(code, "4.04")
        finally:
            stranger.close()

    def blocks(self):
        def part(name, codes, number, more, szx=2, payload=b"x" * 64, extra=()):
            self.answers(name, codes, POST, *RD, *queries("ep=raw-block", "lt=60", "lwm2m=1.1"), LINKS,
                         (BLOCK1, block(number, more, szx)), *extra, payload=payload)
        part("a block in the middle without the first", ["4.08"], 3, 1)
        part("the last block without the first", ["4.08"], 5, 0)
        part("a first block shorter than it says", ["4.00", "4.08"], 0, 1, payload=b"</3/0>")
        part("block size 7, which is reserved", ["4.00", "4.02"], 0, 1, szx=7)
        part("a body of 1 GiB announced", ["4.13"], 0, 1, extra=[(SIZE1, b"\x40\x00\x00\x00")])
        self.check("a body that does not end: 4.13 before a MiB is there", self.endless)

    def endless(self):
        for number in range(1024):
            answer = self.asker.ask(POST, *RD, *queries("ep=raw-endless", "lt=60", "lwm2m=1.1"), LINKS,
                                    (BLOCK1, block(number, 1, 6)), payload=b"</3/0>," * 146 + b"</")
            if answer is None or answer[0] != "2.31":
                return expect(answer and answer[0], "4.13", f"answer to block {number}")
        raise Failed("a MiB was taken")

    def is_well(self):
        events = self.server.event_mark()
        code, _ = self.asker.ask(POST, *RD, *RIGHT, LINKS, payload=PAYLOAD)
        expect(code, "2.01")
        self.server.event("registered", "raw-right", events)
        names = [device["endpoint"] for device in self.server.call("GET", "/api/devices")["devices"]]
        wrong = [name for name in names if name in ("raw-wrong", "raw-block", "raw-endless", "raw-a", "raw-b", "")]
        expect(wrong, [], "registrations that should have been refused")
