"""Our CoAP endpoint and aiocoap, each as the server and as the client of the other."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

from .coap_checks import OUR_PLACE, Answer, Checks, OurClient, OurServer
from .harness import Failed, Program, free_ports
from .wire import Relay

VERSION = "0.4.17"
# Below target/, so that nothing of it is kept in the repository or in the user's Python.
LIBRARY = pathlib.Path(__file__).resolve().parents[3] / "target" / f"aiocoap-{VERSION}"
PROGRAM = pathlib.Path(__file__).with_name("aiocoap_program.py")
PIP_PATIENCE = 120


def library():
    """Installs aiocoap where it is not; why it cannot be had, or ''."""
    if (LIBRARY / "aiocoap").is_dir():
        return ""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "--target", LIBRARY, f"aiocoap=={VERSION}"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=PIP_PATIENCE)
    except subprocess.TimeoutExpired:
        return "pip did not finish in time"
    lines = result.stderr.strip().splitlines()
    return "" if result.returncode == 0 else f"pip could not install it: {lines[-1] if lines else 'no reason given'}"


def run(table, binary):
    why_not = library()
    if why_not:
        table.skip("aiocoap", "all", why_not)
        return
    ours = OurServer(binary)
    relay = Relay(ours.uri)
    client = Aiocoap("client")
    try:
        Checks(table, "aiocoap client at ours", AiocoapClient(client, relay.uri), OUR_PLACE, relay).all()
    finally:
        client.stop()
        relay.stop()
        ours.stop()
    port = free_ports(1)[0]
    server = Aiocoap("server", port)
    relay = Relay(f"coap://127.0.0.1:{port}")
    try:
        server.wait("listening")
        # It serves the same as ours, with one difference.
        place = dataclasses.replace(OUR_PLACE, observe_in_blocks=False)
        Checks(table, "ours at aiocoap server", OurClient(binary, relay.uri), place, relay).all()
    finally:
        relay.stop()
        server.stop()


class Aiocoap(Program):
    def __init__(self, *arguments):
        path = os.pathsep.join(filter(None, [str(LIBRARY), os.environ.get("PYTHONPATH")]))
        # Plain UDP in both roles; nothing else is looked for on this machine.
        environment = {"PYTHONPATH": path, "AIOCOAP_CLIENT_TRANSPORT": "udp6", "AIOCOAP_SERVER_TRANSPORT": "udp6"}
        super().__init__("aiocoap", [sys.executable, PROGRAM, *arguments], environment)

    def tell(self, **command):
        answer = json.loads(self.ask(json.dumps(command)))
        if "error" in answer:
            raise Failed(f"aiocoap: {answer['error']}")
        return answer


class AiocoapClient:
    def __init__(self, program, uri):
        self.program = program
        self.uri = uri

    def ask(self, method, path, content=None, block=None, non=False, content_format=None):
        answer = self.program.tell(
            do="ask", method=method, uri=self.uri + path, content=(content or b"").hex(), block=block, non=non,
            content_format=content_format)
        return Answer(answer["code"], bytes.fromhex(answer["payload"]))

    def observe(self, path, block=None):
        self.program.tell(do="observe", uri=self.uri + path, block=block)
        return AiocoapObservation(self.program)


class AiocoapObservation:
    def __init__(self, program):
        self.program = program

    def next(self):
        return bytes.fromhex(self.program.tell(do="next")["payload"])

    def stop(self):
        self.program.tell(do="forget")
