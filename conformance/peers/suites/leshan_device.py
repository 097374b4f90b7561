"""A device made of Leshan's client, at our server and our bootstrap server."""

import base64
import hashlib
import os

from .harness import Failed, PATIENCE, Program, Refused, expect, expect_in

KEY = "00112233445566778899aabbccddeeff"
TEXT, OPAQUE, CBOR, SENML_JSON, SENML_CBOR, TLV, JSON = 0, 42, 60, 110, 112, 11542, 11543
IMAGE_SIZE = 200 * 1024


def device_program(java, endpoint, how, uri, *psk):
    return Program("Leshan's device", [*java, "lwm2m.conformance.peers.DeviceProgram", endpoint, how, uri, *psk])


def run(table, server, java):
    for area, endpoint, secured in (
        ("Leshan device, NoSec", "leshan-nosec", False),
        ("Leshan device, PSK", "leshan-psk", True),
    ):
        psk = ()
        uri = f"coap://127.0.0.1:{server.coap}"
        if secured:
            psk = (f"{endpoint}-identity", KEY)
            uri = f"coaps://127.0.0.1:{server.coaps}"
            server.call("PUT", f"/api/security/{endpoint}", {"credentials": [
                {"role": "server", "type": "psk", "identity": psk[0], "key": psk[1]}]})
        program = device_program(java, endpoint, "server", uri, *psk)
        try:
            Suite(table, server, area, endpoint, program).all(secured)
        finally:
            program.stop()
    wrong_key(table, server, java)
    queue_mode(table, server, java)
    comes_back(table, server, java)
    bootstrap(table, server, java)


class Suite:
    """All operations with one device."""

    def __init__(self, table, server, area, endpoint, program):
        self.table = table
        self.server = server
        self.area = area
        self.endpoint = endpoint
        self.program = program
        self.device = server.device(endpoint)

    def check(self, name, call):
        return self.table.check(self.area, name, call)

    def all(self, secured):
        def registers():
            self.program.wait("registered ")
            self.server.event("registered", self.endpoint)
            info = self.device.info()
            expect(info["security"], "psk" if secured else "none", "security")
            expect(info["version"], "1.1", "version")
            expect(info["lifetime"], 300, "lifetime")

        if not self.check("registers", registers):
            return
        self.reads()
        self.writes()
        self.executes()
        self.creates_and_deletes()
        self.discovers_and_attributes()
        self.observes()
        self.composite()
        self.check("Send, SenML JSON", lambda: self.send("SENML_JSON"))
        self.check("Send, SenML CBOR", lambda: self.send("SENML_CBOR"))
        self.firmware()
        self.check("registration update on trigger", self.updates)
        self.check("write of the lifetime is followed by an update", self.lifetime)
        self.check("de-registers", self.leaves)

    def reads(self):
        for name, content_format in (("chosen", None), ("text", TEXT), ("CBOR", CBOR), ("SenML JSON", SENML_JSON),
                                     ("SenML CBOR", SENML_CBOR), ("TLV", TLV), ("JSON", JSON)):
            self.check(f"read string, {name}", lambda f=content_format: expect(
                self.device.read("/3/0/0", f), {"/3/0/0": "Conformance"}))
            self.check(f"read float, {name}", lambda f=content_format: expect(
                self.device.read("/3303/0/5700", f), {"/3303/0/5700": 21.5}))
            self.check(f"read time, {name}", lambda f=content_format: expect(
                self.device.read("/3/0/13", f), {"/3/0/13": 1_700_000_000}))
            self.check(f"read integer, {name}", lambda f=content_format: expect(
                self.device.read("/3/0/9", f), {"/3/0/9": 87}))
        for name, content_format in (("chosen", None), ("SenML JSON", SENML_JSON), ("SenML CBOR", SENML_CBOR),
                                     ("TLV", TLV), ("JSON", JSON)):
            def several(content_format=content_format):
                expect(self.device.read("/3/0/6", content_format), {"/3/0/6/0": 1, "/3/0/6/1": 5})
                values = self.device.read("/3/0", content_format)
                expect(values["/3/0/1"], "Leshan peer", "/3/0/1")
                expect(values["/3/0/6/1"], 5, "/3/0/6/1")
                expect(values["/3/0/13"], 1_700_000_000, "/3/0/13")
                expect(self.device.read("/3303", content_format)["/3303/0/5701"], "Cel", "/3303/0/5701")
            self.check(f"read instances, {name}", several)
        self.check("read of what is not there: 4.04", lambda: self.refused(
            "4.04", lambda: self.device.read("/3303/9/5700")))

    def refused(self, code, call):
        try:
            answer = call()
        except Refused as error:
            if not (error.coap_code or "").startswith(code):
                raise Failed(f"expected {code}, got {error}") from None
            return
        raise Failed(f"expected {code}, got {answer!r}")

    def writes(self):
        for name, content_format in (("chosen", None), ("text", TEXT), ("CBOR", CBOR), ("SenML JSON", SENML_JSON),
                                     ("SenML CBOR", SENML_CBOR), ("TLV", TLV), ("JSON", JSON)):
            def string(name=name, content_format=content_format):
                self.device.write("/3303/0/5750", f"by {name}", content_format)
                expect(self.device.read("/3303/0/5750"), {"/3303/0/5750": f"by {name}"})

            def time(content_format=content_format):
                self.device.write("/3/0/13", 1_600_000_000, content_format)
                expect(self.device.read("/3/0/13"), {"/3/0/13": 1_600_000_000})
                self.device.write("/3/0/13", 1_700_000_000, content_format)

            self.check(f"write string, {name}", string)
            def long(content_format=content_format):
                self.device.write("/3303/0/5750", "long " * 600, content_format)
                expect(self.device.read("/3303/0/5750", content_format), {"/3303/0/5750": "long " * 600})
            self.check(f"write time, {name}", time)
            self.check(f"3,000 characters in blocks, there and back, {name}", long)

        def partial():
            self.device.write("/1/0", {"2": 1, "3": 30}, method="POST")
            values = self.device.read("/1/0")
            expect((values["/1/0/2"], values["/1/0/3"], values["/1/0/1"]), (1, 30, 300))
            self.device.write("/1/0", {"2": 0, "3": 0}, method="POST")
        self.check("partial update of an instance", partial)

    def executes(self):
        def plain():
            since = self.program.mark()
            self.device.post("execute", path="/3/0/4")
            self.program.wait("executed /3/0/4", since)

        def arguments():
            since = self.program.mark()
            self.device.post("execute", path="/3303/0/5605", arguments={"0": "a-b", "3": None})
            expect(self.program.wait("executed ", since), "executed /3303/0/5605 0='a-b',3")
        self.check("execute", plain)
        self.check("execute with arguments", arguments)

    def creates_and_deletes(self):
        def numbered():
            since = self.server.event_mark()
            expect(self.device.post("create", path="/3303/7", value={"5700": 3.5, "5750": "made"}), {"path": "/3303/7"})
            self.server.event("updated", self.endpoint, since, lambda data: data["changed"])
            expect(self.device.read("/3303/7/5750"), {"/3303/7/5750": "made"})

        def removed():
            self.device.delete("/3303/7")
            self.refused("4.04", lambda: self.device.read("/3303/7"))

        def device_numbers():
            made = self.device.post("create", path="/3303", value={"5700": 3.5, "5750": "any"})["path"]
            expect(self.device.read(f"{made}/5750"), {f"{made}/5750": "any"})
            self.device.delete(made)
        self.check("create with a number, then an update says so", numbered)
        self.check("delete", removed)
        self.check("create without a number", device_numbers)

    def discovers_and_attributes(self):
        def discover(path):
            return {link["target"]: link["parameters"] for link in self.device.post("discover", path=path)["links"]}

        def plain():
            links = discover("/3303")
            for target in ("/3303/0", "/3303/0/5700"):
                expect_in(target, links, "links")
            expect(discover("/3/0/6")["/3/0/6"].get("dim"), "2", "dim")

        def attributes():
            self.device.post("attributes", path="/3303/0/5700", attributes={"pmin": 1, "pmax": 60, "st": 0.5})
            found = discover("/3303/0/5700")["/3303/0/5700"]
            expect((found.get("pmin"), found.get("pmax"), found.get("st")), ("1", "60", "0.5"))
            self.device.post("attributes", path="/3303/0/5700", attributes={"pmin": None, "pmax": None, "st": None})
            expect(discover("/3303/0/5700")["/3303/0/5700"].get("pmax"), None, "pmax when unset")
        self.check("discover", plain)
        self.check("write-attributes and discover", attributes)

    def observes(self):
        def notified():
            observed = self.device.post("observe", path="/3303/0/5700")
            expect([entry["value"] for entry in observed["entries"]], [21.5], "first value")
            since = self.server.event_mark()
            self.program.ask("set 22.25", "measured ")
            self.notification(since, observed, {"/3303/0/5700": 22.25})
            since = self.server.event_mark()
            self.program.ask("set 21.5", "measured ")
            self.notification(since, observed, {"/3303/0/5700": 21.5})

        def instance():
            observed = self.device.post("observe", path="/3303/0")
            since = self.server.event_mark()
            self.program.ask("set 19.75", "measured ")

            def holds(data):
                values = {entry["path"]: entry["value"] for entry in data["entries"]}
                return (data["observation"] == observed["observation"]
                        and (values.get("/3303/0/5700"), values.get("/3303/0/5701")) == (19.75, "Cel"))
            self.server.event("notification", self.endpoint, since, holds)
            self.device.post("cancel", path="/3303/0")
        self.check("observe a resource", notified)
        self.check("cancel", lambda: self.device.post("cancel", path="/3303/0/5700"))
        self.check("observe an instance", instance)
        self.program.ask("set 21.5", "measured ")

    def notification(self, since, observed, values):
        def holds(data):
            return (data["observation"] == observed["observation"]
                    and {entry["path"]: entry["value"] for entry in data["entries"]} == values)
        self.server.event("notification", self.endpoint, since, holds)

    def composite(self):
        def read():
            answer = self.device.post("read-composite", paths=["/3/0/0", "/3303/0/5700", "/1/0/1"])
            values = {entry["path"]: entry["value"] for entry in answer["entries"]}
            expect(values, {"/3/0/0": "Conformance", "/3303/0/5700": 21.5, "/1/0/1": 300})

        def write():
            self.device.post("write-composite", entries=[
                {"path": "/3303/0/5750", "value": "composite"}, {"path": "/3/0/14", "value": "+05:00"}])
            expect(self.device.read("/3303/0/5750"), {"/3303/0/5750": "composite"})
            expect(self.device.read("/3/0/14"), {"/3/0/14": "+05:00"})

        def observe():
            observed = self.device.post("observe-composite", paths=["/3303/0/5700", "/3/0/9"])
            expect({entry["path"]: entry["value"] for entry in observed["entries"]},
                   {"/3303/0/5700": 21.5, "/3/0/9": 87}, "first values")
            since = self.server.event_mark()
            self.program.ask("set 25.5", "measured ")
            self.notification(since, observed, {"/3303/0/5700": 25.5, "/3/0/9": 87})
            self.device.post("cancel", paths=["/3303/0/5700", "/3/0/9"])
        self.check("read-composite", read)
        self.check("write-composite", write)
        self.check("observe-composite", observe)
        self.program.ask("set 21.5", "measured ")

    def send(self, content_format):
        since = self.server.event_mark()
        answer = self.program.ask(f"send {content_format} /3303/0/5700 /3/0/0", "send-answer ")
        expect(answer, "CHANGED")
        data = self.server.event("sent", self.endpoint, since)
        expect({entry["path"]: entry["value"] for entry in data["entries"]},
               {"/3303/0/5700": 21.5, "/3/0/0": "Conformance"})

    def firmware(self):
        image = os.urandom(IMAGE_SIZE)

        def push():
            since, events = self.program.mark(), self.server.event_mark()
            self.server.call("POST", f"{self.device.base}/firmware?version=2.0.0", image, "application/octet-stream")
            line = self.program.wait("package ", since, patience=120, holds=lambda line: not line.startswith("package 0 "))
            expect(line, f"package {len(image)} {hashlib.sha256(image).hexdigest()}")
            done = self.server.event("firmware", self.endpoint, events,
                                     lambda data: data["phase"] in ("finished", "failed"))
            expect((done["phase"], done.get("version")), ("finished", "2.0.0"), done["text"])

        def opaque(content_format):
            since = self.program.mark()
            self.device.write("/5/0/0", base64.b64encode(image[:3000]).decode(), content_format)
            expect(self.program.wait("package ", since), f"package 3000 {hashlib.sha256(image[:3000]).hexdigest()}")
        self.check("firmware by push, 200 KiB", push)
        for name, content_format in (("opaque", OPAQUE), ("TLV", TLV), ("SenML JSON", SENML_JSON),
                                     ("SenML CBOR", SENML_CBOR), ("text", TEXT), ("CBOR", CBOR)):
            self.check(f"write 3,000 bytes in blocks, {name}", lambda f=content_format: opaque(f))

    def updates(self):
        since, events = self.program.mark(), self.server.event_mark()
        self.program.say("update")
        self.program.wait("updated", since)
        self.server.event("updated", self.endpoint, events)

    def lifetime(self):
        events = self.server.event_mark()
        self.device.write("/1/0/1", 600)
        self.server.event("updated", self.endpoint, events, lambda data: data["lifetime"] == 600)

    def leaves(self):
        events = self.server.event_mark()
        self.program.say("stop")
        data = self.server.event("deregistered", self.endpoint, events)
        expect(data["reason"], "by-device", "reason")


def wrong_key(table, server, java):
    endpoint = "leshan-wrong"
    server.call("PUT", f"/api/security/{endpoint}", {"credentials": [
        {"role": "server", "type": "psk", "identity": "wrong-identity", "key": KEY}]})
    program = device_program(java, endpoint, "server", f"coaps://127.0.0.1:{server.coaps}", "wrong-identity", "ff" * 16)

    def stays_out():
        program.wait("registration-", patience=PATIENCE * 2)
        devices = [device["endpoint"] for device in server.call("GET", "/api/devices")["devices"]]
        if endpoint in devices:
            raise Failed("a device with a wrong key has registered")
    try:
        table.check("Leshan device, PSK", "a wrong key does not register", stays_out)
    finally:
        program.stop()


def queue_mode(table, server, java):
    """Awake for our server is who has just spoken; that it stays so for 93 s is beyond what a suite waits for."""
    endpoint = "leshan-queue"
    program = device_program(java, endpoint, "server", f"coap://127.0.0.1:{server.coap}", "queue")

    def registers():
        program.wait("registered ")
        server.event("registered", endpoint)
        info = server.device(endpoint).info()
        expect((info["queueMode"], info["state"]), (True, "registered"))
        expect(server.device(endpoint).read("/3/0/0"), {"/3/0/0": "Conformance"})
    try:
        table.check("Leshan device, queue mode", "registers with Q, is awake, is read", registers)
    finally:
        program.stop()


def comes_back(table, server, java):
    """A device that dies without a word, and registers anew under the same name."""
    endpoint = "leshan-again"
    uri = f"coap://127.0.0.1:{server.coap}"
    area = "Leshan device, NoSec"

    def first(program):
        program.wait("registered ")
        server.event("registered", endpoint)
        device = server.device(endpoint)
        return device.post("observe", path="/3303/0/5700")

    def again():
        program = device_program(java, endpoint, "server", uri)
        try:
            observed = first(program)
        finally:
            program.process.kill()
            program.stop()
        events = server.event_mark()
        program = device_program(java, endpoint, "server", uri)
        try:
            program.wait("registered ")
            expect(server.event("registered", endpoint, events)["replaced"], True)
            renewed = server.event("observed", endpoint, events)
            expect(renewed["observation"], observed["observation"])
            events = server.event_mark()
            program.ask("set 18.25", "measured ")
            server.event("notification", endpoint, events, lambda data: data["entries"][0]["value"] == 18.25)
        finally:
            program.stop()
    table.check(area, "dies and registers anew: it is observed again", again)


def bootstrap(table, server, java):
    endpoint = "leshan-boot"
    identity, boot_identity, boot_key = f"{endpoint}-identity", f"{endpoint}-bootstrap", "ab" * 16
    server.call("PUT", f"/api/security/{endpoint}", {"credentials": [
        {"role": "server", "type": "psk", "identity": identity, "key": KEY},
        {"role": "bootstrap", "type": "psk", "identity": boot_identity, "key": boot_key}]})
    server.call("PUT", f"/api/bootstrap/{endpoint}", {"accounts": [{
        "shortServerId": 1, "uri": f"coaps://127.0.0.1:{server.coaps}", "lifetime": 120,
        "security": {"mode": "psk", "identity": identity, "key": KEY}}]})

    server.call("PUT", "/api/bootstrap/leshan-open", {"accounts": [{
        "shortServerId": 1, "uri": f"coap://127.0.0.1:{server.coap}", "lifetime": 120,
        "security": {"mode": "none"}}]})

    def becomes_a_device(program, endpoint, security):
        program.wait("bootstrapped")
        program.wait("registered ")
        registered = server.event("registered", endpoint)
        expect((registered["security"], registered["lifetime"]), (security, 120))
        expect(server.device(endpoint).read("/3/0/0"), {"/3/0/0": "Conformance"})

    without, with_dtls = f"coap://127.0.0.1:{server.bootstrap_coap}", f"coaps://127.0.0.1:{server.bootstrap_coaps}"
    for name, endpoint, uri, psk, call in (
        ("has a bootstrap key, comes without: refused", endpoint, without, (),
         lambda program: program.wait("bootstrap-failed FORBIDDEN")),
        ("NoSec: bootstraps, registers, is read", "leshan-open", without, (),
         lambda program: becomes_a_device(program, "leshan-open", "none")),
        ("PSK: bootstraps, registers over DTLS, is read", endpoint, with_dtls, (boot_identity, boot_key),
         lambda program: becomes_a_device(program, "leshan-boot", "psk")),
    ):
        program = device_program(java, endpoint, "bootstrap", uri, *psk)
        try:
            table.check("Leshan bootstrap", name, lambda: call(program))
        finally:
            program.stop()
