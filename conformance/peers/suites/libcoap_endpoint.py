"""Our CoAP endpoint and libcoap's programs, each as the server and as the client of the other."""

import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from .coap_checks import OUR_PLACE, Answer, Checks, OurClient, OurServer, Place, expect
from .harness import PATIENCE, Failed, Program, free_ports
from .wire import Relay

KINDS = ("notls", "", "gnutls", "openssl")

# coap-server lets clients make documents anywhere (-d); FETCH it knows for its clock only, iPATCH for nothing.
LIBCOAP_PLACE = Place(
    documents="",
    fetch=("/time", b"", None, "2.05", None),
    ipatch=False,
    post_appends=False,
    separate="/async?1",
)


def program(name):
    return next(filter(None, (shutil.which(f"{name}-{kind}".rstrip("-")) for kind in KINDS)), None)


def run(table, binary):
    client, server = program("coap-client"), program("coap-server")
    if client:
        ours = OurServer(binary)
        relay = Relay(ours.uri)
        try:
            Checks(table, "coap-client at ours", LibcoapClient(client, relay.uri), OUR_PLACE, relay).all()
        finally:
            relay.stop()
            ours.stop()
        for large_answers in ("small-blocks", "challenge"):
            table.check("coap-client at ours", f"4 KiB to an address that is not proven: {large_answers}",
                        lambda how=large_answers: unproven(binary, client, how))
    else:
        table.skip("coap-client at ours", "all", "coap-client of libcoap is not installed")
    if server:
        theirs = LibcoapServer(server)
        relay = Relay(theirs.uri)
        try:
            Checks(table, "ours at coap-server", OurClient(binary, relay.uri), LIBCOAP_PLACE, relay).all()
        finally:
            relay.stop()
            theirs.stop()
    else:
        table.skip("ours at coap-server", "all", "coap-server of libcoap is not installed")


def unproven(binary, client, large_answers):
    """A document arrives whole, whatever our server asks of the address first (RFC 9175, section 2.4)."""
    ours = OurServer(binary, large_answers)
    try:
        asks = LibcoapClient(client, ours.uri)
        content = bytes(n * 7 % 251 for n in range(4096))
        expect(asks.ask("put", "/store/large", content).code, "2.01")
        expect(asks.ask("get", "/store/large"), Answer("2.05", content))
    finally:
        ours.stop()


class LibcoapServer(Program):
    def __init__(self, binary):
        port = free_ports(1)[0]
        super().__init__("coap-server", [binary, "-A", "127.0.0.1", "-p", port, "-d", "100", "-v", "1"])
        self.uri = f"coap://127.0.0.1:{port}"
        self._await(port)

    def _await(self, port):
        deadline = time.monotonic() + PATIENCE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", port))
            probe.settimeout(0.1)
            while time.monotonic() < deadline and not self.ended:
                try:
                    probe.send(b"\x40\x00\x10\x01")
                    probe.recv(16)
                    return
                except (ConnectionRefusedError, TimeoutError):
                    time.sleep(0.02)
        raise Failed(f"coap-server does not answer: {self.lines}")


class LibcoapClient:
    """coap-client, once for each request"""

    def __init__(self, binary, uri):
        self.binary = binary
        self.uri = uri

    def ask(self, method, path, content=None, block=None, non=False, content_format=None):
        with tempfile.TemporaryDirectory(prefix="lwm2m-coap-") as folder:
            output = pathlib.Path(folder, "output")
            command = [self.binary, "-v", "6", "-B", "60", "-m", method, "-o", output]
            command += ["-b", str(block)] if block else []
            command += ["-N"] if non else []
            command += ["-t", str(content_format)] if content_format is not None else []
            if content is not None:
                file = pathlib.Path(folder, "body")
                file.write_bytes(content)
                command += ["-f", file]
            result = subprocess.run([*command, self.uri + path], capture_output=True, timeout=120)
            payload = output.read_bytes() if output.exists() else b""
        # Of a body in blocks, the code of the last one; 2.31 only asks for the next.
        codes = re.findall(rb"t:(?:ACK|CON|NON) c:([245]\.\d\d)", result.stdout + result.stderr)
        if not codes:
            raise Failed(f"no answer to {method} {path}: {(result.stdout + result.stderr)[-400:]!r}")
        return Answer(codes[-1].decode(), payload)

    def observe(self, path, block=None):
        return LibcoapObservation(self, path, block)


class LibcoapObservation:
    """coap-client writes the states into a file, one behind the other, without a word about where one ends. So the
    file is read when it has grown and rests."""

    def __init__(self, client, path, block):
        self.folder = tempfile.TemporaryDirectory(prefix="lwm2m-coap-")
        self.output = pathlib.Path(self.folder.name, "states")
        command = [client.binary, "-s", "60", "-B", "60", "-o", self.output]
        command += ["-b", str(block)] if block else []
        self.program = Program("coap-client", [*command, client.uri + path])
        self.read = 0

    def next(self):
        deadline = time.monotonic() + PATIENCE
        size = 0
        while time.monotonic() < deadline:
            time.sleep(0.2)
            grown = self.output.stat().st_size if self.output.exists() else 0
            if grown > self.read and grown == size:
                payload = self.output.read_bytes()[self.read:]
                self.read = grown
                return payload
            size = grown
        raise Failed(f"coap-client shows no state within {PATIENCE} s: {self.program.lines[-4:]}")

    def stop(self):
        self.program.stop()
        self.folder.cleanup()
