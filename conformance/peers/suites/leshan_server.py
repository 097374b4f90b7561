"""Our demo client at Leshan's server."""

import hashlib
import os
import re

from .harness import Failed, PATIENCE, Program, expect, expect_in, free_ports, scratch_file

KEY = "00112233445566778899aabbccddeeff"
IMAGE_BODY = 200 * 1024
FORMATS = {"text": "TEXT", "CBOR": "CBOR", "SenML JSON": "SENML_JSON", "SenML CBOR": "SENML_CBOR", "TLV": "TLV"}
CHANGED, CONTENT = "204", "205"


def run(table, java, demo_client):
    coap, coaps = free_ports(2)
    server = Program("Leshan's server", [*java, "lwm2m.conformance.peers.ServerProgram", coap, coaps])
    try:
        server.wait("listening")
        for area, endpoint, secured in (
            ("Leshan server, NoSec", "ours-nosec", False),
            ("Leshan server, PSK", "ours-psk", True),
        ):
            arguments = [demo_client, "--endpoint", endpoint, "--lwm2m", "1.1", "--interval", "200", "--lifetime", "40"]
            environment = {}
            if secured:
                server.ask(f"psk\t{endpoint}\t{endpoint}-identity\t{KEY}")
                arguments += ["--server", f"coaps://127.0.0.1:{coaps}", "--psk-identity", f"{endpoint}-identity"]
                environment["LWM2M_PSK_KEY"] = KEY
            else:
                arguments += ["--server", f"coap://127.0.0.1:{coap}"]
            client = Program("demo client", arguments, environment)
            try:
                Suite(table, server, area, endpoint, client).all()
            finally:
                client.stop()
        versions(table, server, demo_client, coap)
        queue_mode(table, server, demo_client, coap)
    finally:
        server.stop()
    forgetful_server(table, java, demo_client)


def versions(table, server, demo_client, coap):
    """Leshan speaks 1.0 and 1.1: what our client offers, and what they agree on."""
    for offered, agreed in (("1.0", "1.0"), ("1.2", "1.1")):
        endpoint = f"ours-{offered}"
        client = Program("demo client", [demo_client, "--endpoint", endpoint, "--lwm2m", offered,
                                         "--server", f"coap://127.0.0.1:{coap}"])

        def agrees(endpoint=endpoint, agreed=agreed):
            server.wait(f"registered {endpoint}")
            expect(server.ask(f"registration\t{endpoint}").split(" ")[0], agreed, "version")
            answer = server.ask(f"read\t{endpoint}\t/3/0\t-")
            expect_in("/3/0/0=Example Devices", answer)
            if agreed == "1.0":
                expect_in("/3/0/0=Example Devices", server.ask(f"read\t{endpoint}\t/3/0\tJSON"))
                expect(server.ask(f"write\t{endpoint}\t/3303/0/5750\tJSON\tstring:by JSON"), "204\t")
                expect(server.ask(f"read\t{endpoint}\t/3303/0/5750\tJSON"), "205\t/3303/0/5750=by JSON")
        try:
            table.check("Leshan server, NoSec", f"client of {offered} registers as {agreed}", agrees)
        finally:
            client.stop()


def queue_mode(table, server, demo_client, coap):
    """Leshan takes a device with queue mode for asleep 1.5 s after it has spoken, and sends it nothing then."""
    endpoint = "ours-queue"
    client = Program("demo client", [demo_client, "--endpoint", endpoint, "--lwm2m", "1.1", "--queue-mode",
                                     "--lifetime", "10", "--server", f"coap://127.0.0.1:{coap}"])

    def sleeps():
        server.wait(f"registered {endpoint}")
        expect(server.ask(f"registration\t{endpoint}").split(" ")[:3], ["1.1", "10", "Q"])
        server.wait(f"asleep {endpoint}")
        answer = server.ask(f"read\t{endpoint}\t/3/0/0\t-")
        if answer.startswith("205"):
            raise Failed(f"a device that sleeps was asked: {answer!r}")
        since = server.mark()
        # Its next update, after half of its lifetime, says that it is awake.
        server.wait(f"awake {endpoint}", since)
        expect(server.ask(f"read\t{endpoint}\t/3/0/0\t-"), "205\t/3/0/0=Example Devices")
    try:
        table.check("Leshan server, queue mode", "registers with Q, sleeps, wakes with its update, is read", sleeps)
    finally:
        client.stop()


def forgetful_server(table, java, demo_client):
    """A server that dies and has forgotten everything when it is back on the same port."""
    coap, coaps = free_ports(2)
    command = [*java, "lwm2m.conformance.peers.ServerProgram", coap, coaps]
    endpoint = "ours-again"

    def again():
        server = Program("Leshan's server", command)
        client = None
        try:
            server.wait("listening")
            client = Program("demo client", [demo_client, "--endpoint", endpoint, "--lwm2m", "1.1", "--lifetime", "10",
                                             "--server", f"coap://127.0.0.1:{coap}"])
            server.wait(f"registered {endpoint}")
            server.process.kill()
            server.stop()
            server = Program("Leshan's server", command)
            server.wait("listening")
            # Its update is answered 4.04, or was not answered at all while there was nobody.
            server.wait(f"registered {endpoint}", patience=2 * PATIENCE)
            expect_in("/3/0/0=Example Devices", server.ask(f"read\t{endpoint}\t/3/0\t-"))
        finally:
            if client:
                client.stop()
            server.stop()
    table.check("Leshan server, NoSec", "server forgets everything: the client registers anew", again)


class Suite:
    """All operations with one device of ours."""

    def __init__(self, table, server, area, endpoint, client):
        self.table = table
        self.server = server
        self.area = area
        self.endpoint = endpoint
        self.client = client

    def check(self, name, call):
        return self.table.check(self.area, name, call)

    def ask(self, operation, *words, code=CONTENT):
        """Gives an operation, and returns what its answer carries."""
        answer = self.server.ask("\t".join([operation, self.endpoint, *words]))
        if not answer.startswith(code + "\t"):
            raise Failed(f"{operation} {' '.join(words)}: expected {code}, got {answer!r}")
        return answer.partition("\t")[2]

    def values(self, operation, *words):
        return dict(part.split("=", 1) for part in self.ask(operation, *words).split("\t"))

    def all(self):
        if not self.check("registers", self.registers):
            return
        self.reads()
        self.writes()
        self.check("execute, the update it asks for follows", self.executes)
        self.check("execute of what is no executable: 4.05", lambda: self.ask("execute", "/3303/0/5700", code="405"))
        self.check("create where the object takes none: refused", self.creates_nothing)
        self.check("delete of a device object: 4.05", lambda: self.ask("delete", "/3/0", code="405"))
        self.discovers_and_attributes()
        self.check("observe, notification, cancel", self.observes)
        self.composite()
        self.check("firmware by push, 200 KiB", self.firmware)
        self.check("write of the lifetime is followed by an update", self.lifetime)
        self.check("reboot: registers again", self.reboots)
        self.check("de-registers when it is ended", self.leaves)

    def registers(self):
        self.server.wait(f"registered {self.endpoint}")
        answer = self.server.ask(f"registration\t{self.endpoint}")
        expect_in("40 ", answer)
        for link in ("</3/0>", "</5/0>", "</3303/0>"):
            expect_in(link, answer, "links")

    def reads(self):
        for name, content_format in {"chosen": "-", **FORMATS}.items():
            def single(content_format=content_format):
                expect(self.values("read", "/3/0/0", content_format), {"/3/0/0": "Example Devices"})
                value = self.values("read", "/3303/0/5700", content_format)["/3303/0/5700"]
                if not -50 < float(value) < 100:
                    raise Failed(f"no temperature: {value}")
                if int(self.values("read", "/6/0/5", content_format)["/6/0/5"]) < 1_600_000_000:
                    raise Failed("no time")

            def several(content_format=content_format):
                values = self.values("read", "/3/0", content_format)
                expect((values["/3/0/1"], values["/3/0/7/0"]), ("SIM-3303", "3700"))
                expect(self.values("read", "/3303", content_format)["/3303/0/5701"], "Cel")
                expect(self.values("read", "/3/0/6", content_format), {"/3/0/6/0": "1"})
            self.check(f"read a resource, {name}", single)
            if name not in ("text", "CBOR"):
                self.check(f"read instances, {name}", several)
        self.check("read of what is not there: 4.04", lambda: self.ask("read", "/3303/9", "-", code="404"))
        self.check("read of an executable: 4.05", lambda: self.ask("read", "/3/0/4", "-", code="405"))
        self.check("read of security: 4.01", lambda: self.ask("read", "/0/0/0", "-", code="401"))

    def writes(self):
        for name, content_format in FORMATS.items():
            def string(name=name, content_format=content_format):
                self.ask("write", "/3303/0/5750", content_format, f"string:by {name}", code=CHANGED)
                expect(self.values("read", "/3303/0/5750", "-"), {"/3303/0/5750": f"by {name}"})
            def long(content_format=content_format):
                self.ask("write", "/3303/0/5750", content_format, "string:" + "long " * 600, code=CHANGED)
                expect(self.values("read", "/3303/0/5750", content_format), {"/3303/0/5750": "long " * 600})
            self.check(f"write, {name}", string)
            self.check(f"3,000 characters in blocks, there and back, {name}", long)
        for name in ("TLV", "SenML JSON", "SenML CBOR"):
            def partial(content_format=FORMATS[name]):
                self.ask("update", "/1/0", content_format, "2=integer:1", "3=integer:30", code=CHANGED)
                values = self.values("read", "/1/0", "-")
                expect((values["/1/0/1"], values["/1/0/2"], values["/1/0/3"]), ("40", "1", "30"))
                self.ask("update", "/1/0", content_format, "2=integer:0", "3=integer:0", code=CHANGED)
            self.check(f"partial update of an instance, {name}", partial)
        self.check("write of a read-only resource: 4.05", lambda: self.ask(
            "write", "/3/0/0", "TEXT", "string:x", code="405"))

    def executes(self):
        since = self.server.mark()
        self.ask("execute", "/1/0/8", code=CHANGED)
        self.server.wait(f"updated {self.endpoint}", since)

    def creates_nothing(self):
        answer = self.server.ask(f"create\t{self.endpoint}\t/3/1\tTLV\t0=string:x")
        if not re.match(r"40[05]\t", answer):
            raise Failed(f"expected 4.05 or 4.00, got {answer!r}")

    def discovers_and_attributes(self):
        def plain():
            links = self.ask("discover", "/3303")
            for target in ("</3303/0>", "</3303/0/5700>"):
                expect_in(target, links, "links")
            expect_in(";dim=1", self.ask("discover", "/3/0/6"), "dim")

        def attributes():
            self.ask("attributes", "/3303/0/5700", "pmin=1&pmax=60&st=0.5", code=CHANGED)
            links = self.ask("discover", "/3303/0/5700")
            for attribute in ("pmin=1", "pmax=60", "st=0.5"):
                expect_in(attribute, links, "links")
            self.ask("attributes", "/3303/0/5700", "pmin&pmax&st", code=CHANGED)
            links = self.ask("discover", "/3303/0/5700")
            if "pm" in links:
                raise Failed(f"attributes are still there: {links}")
        self.check("discover", plain)
        self.check("write-attributes, unset them", attributes)

    def observes(self):
        since = self.server.mark()
        first = self.values("observe", "/3303/0/5700", "-")["/3303/0/5700"]
        line = self.server.wait("notification /3303/0/5700=", since, holds=lambda line: not line.endswith("=" + first))
        float(line.partition("=")[2])
        self.ask("cancel", "/3303/0/5700")

    def composite(self):
        def read():
            for content_format in ("SENML_JSON", "SENML_CBOR"):
                values = self.values("read-composite", "/3/0/0 /3303/0/5701 /1/0/1", content_format)
                expect(values, {"/3/0/0": "Example Devices", "/3303/0/5701": "Cel", "/1/0/1": "40"})

        def write():
            for content_format in ("SENML_JSON", "SENML_CBOR"):
                self.ask("write-composite", "-", content_format, f"/3303/0/5750=string:{content_format}",
                         "/1/0/3=integer:20", code=CHANGED)
                values = self.values("read-composite", "/3303/0/5750 /1/0/3", "SENML_JSON")
                expect(values, {"/3303/0/5750": content_format, "/1/0/3": "20"})
            self.ask("write", "/1/0/3", "TEXT", "integer:0", code=CHANGED)

        def observe():
            for content_format in ("SENML_JSON", "SENML_CBOR"):
                since = self.server.mark()
                first = self.values("observe-composite", "/3303/0/5700 /3/0/0", content_format)
                expect(first["/3/0/0"], "Example Devices")
                line = self.server.wait("composite-notification ", since)
                values = dict(part.split("=", 1) for part in line.partition(" ")[2].split("\t"))
                expect((sorted(values), values["/3/0/0"]), (["/3/0/0", "/3303/0/5700"], "Example Devices"))
        self.check("read-composite, both formats", read)
        self.check("write-composite, both formats", write)
        self.check("observe-composite, both formats", observe)

    def firmware(self):
        body = os.urandom(IMAGE_BODY)
        header = f"LWM2M-DEMO-FIRMWARE 2.0.0 {hashlib.sha256(body).hexdigest()}\n".encode()
        name = scratch_file(header + body)
        try:
            self.ask("observe", "/5/0/3", "-")
            since = self.server.mark()
            self.ask("write", "/5/0/0", "OPAQUE", f"file:{name}", code=CHANGED)
            self.server.wait("notification /5/0/3=2", since)
            since = self.server.mark()
            self.ask("execute", "/5/0/2", code=CHANGED)
            self.server.wait(f"registered {self.endpoint}", since)
            self.until("/5/0/5", "1")
            expect(self.values("read", "/3/0/3", "-"), {"/3/0/3": "2.0.0"})
        finally:
            os.unlink(name)

    def until(self, path, expected, attempts=50):
        """Reads until the value is there; the answer takes its time, so this does not spin."""
        for _ in range(attempts):
            value = self.values("read", path, "-")[path]
            if value == expected:
                return
        raise Failed(f"{path} is {value}, not {expected}")

    def lifetime(self):
        since = self.server.mark()
        self.ask("write", "/1/0/1", "TEXT", "integer:50", code=CHANGED)
        self.server.wait(f"updated {self.endpoint} 50", since)

    def reboots(self):
        since = self.server.mark()
        self.ask("execute", "/3/0/4", code=CHANGED)
        self.server.wait(f"registered {self.endpoint}", since)

    def leaves(self):
        since = self.server.mark()
        self.client.process.terminate()
        self.server.wait(f"unregistered {self.endpoint}", since, holds=lambda line: "expired" not in line)
