"""Captures of what our programs say to each other, read by Wireshark's dissectors."""

import pathlib
import shutil
import subprocess
import tempfile

from .harness import Failed, expect, expect_in

AREA = "tshark"
# tshark 4.0 does not know Request-Tag (RFC 9175), and takes its number for a mistake.
REQUEST_TAG = "Invalid Option Number 292"
# What a capture must have in it to be worth a look: codes as tshark writes them, and content types.
GET, POST, PUT, DELETE, FETCH, IPATCH = 1, 2, 3, 4, 5, 7
CONTENTS = {
    "tour": {GET, POST, PUT, DELETE},
    "tour-lossy": {GET, POST, PUT, DELETE},
    "operations-1.2": {GET, POST, PUT, DELETE, FETCH, IPATCH},
    "operations-1.1": {GET, POST, PUT, DELETE, FETCH, IPATCH},
    "operations-1.0": {GET, POST, PUT, DELETE},
}


def run(table, captures):
    """`captures` builds the program that writes them, and returns where it is."""
    if not shutil.which("tshark"):
        return table.skip(AREA, "all", "tshark is not installed")
    with tempfile.TemporaryDirectory(prefix="lwm2m-peers-") as directory:
        written = table.check(AREA, "the captures are written", lambda: subprocess.run(
            [captures(), directory], check=True, capture_output=True, text=True, timeout=300))
        if written:
            for name in CONTENTS:
                Capture(table, pathlib.Path(directory), name).all()
    return None


class Capture:
    """One capture, and beside it what our own reader found in it."""

    def __init__(self, table, directory, name):
        self.table = table
        self.name = name
        self.pcap = directory / f"{name}.pcap"
        self.ours = [line.split("\t") for line in (directory / f"{name}.tsv").read_text().splitlines()]

    def fields(self, *names, only=""):
        """The fields of each frame; several values of one field have a comma between."""
        command = ["tshark", "-n", "-r", self.pcap, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
        command += ["-T", "fields", "-E", "separator=/t"]
        command += ["-Y", only] if only else []
        for name in names:
            command += ["-e", name]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if result.returncode != 0:
            raise Failed(f"tshark: {result.stderr.strip()}")
        return [line.split("\t") for line in result.stdout.splitlines()]

    def all(self):
        def check(name, call):
            self.table.check(AREA, f"{self.name}: {name}", call)
        check("every frame is CoAP, and no field but CoAP's is needed", self.is_coap)
        check("no frame is malformed, no option is wrong", self.nothing_malformed)
        check("type, code, id, token, options, payload as we read them", self.agrees)
        check("methods and observations are there", self.contents)
        check("blocks are put together", self.blocks)

    def is_coap(self):
        frames = self.fields("frame.protocols")
        expect(len(frames), len(self.ours), "frames")
        strange = {protocols for protocols, in frames if not protocols.startswith("raw:ip:udp:coap")}
        expect(strange, set(), "protocols")

    def nothing_malformed(self):
        marks = ("_ws.malformed", "_ws.short", "coap.option_length_bad", "coap.invalid_option_number",
                 "coap.invalid_option_range", "coap.block.error", "coap.block.multiple_tails", "coap.block.too_long",
                 "coap.block.overlap.conflicts", "ip.checksum.status != Good", "udp.checksum.status != Good",
                 # Warnings and errors; that a message is a repetition is a note.
                 "_ws.expert.severity >= 0x600000")
        bad = self.fields("frame.number", "_ws.expert.message", "coap.code", "coap.opt.uri_path_recon",
                          only=" or ".join(marks))
        expect([frame for frame in bad if frame[1] != REQUEST_TAG], [], "frames with one of these marks")

    def agrees(self):
        """Two readers, written by different people, find the same in every message."""
        theirs = self.fields("coap.type", "coap.code", "coap.mid", "coap.token", "coap.opt.name",
                             "coap.block_length", "coap.payload_length")
        for number, (ours, found) in enumerate(zip(self.ours, theirs, strict=True), 1):
            kind, code, mid, token, names, block, whole = found
            options = str(len(names.split(","))) if names else "0"
            expect([kind, code, mid, token.replace(":", ""), options, block or whole or "0"], ours, f"frame {number}")

    def contents(self):
        codes = {int(code) for code, in self.fields("coap.code")}
        missing = CONTENTS[self.name] - codes
        expect(missing, set(), "methods that do not occur")
        answers = {code >> 5 for code in codes}
        expect_in(2, answers, "classes of answers")
        notifications = self.fields("coap.opt.observe", only="coap.opt.observe and coap.code == 69")
        if len(notifications) < 3:
            raise Failed(f"only {len(notifications)} notifications")

    def blocks(self):
        sizes = [int(length) for length, in self.fields("coap.block.reassembled.length",
                                                        only="coap.block.reassembled.length")]
        wanted = 200 * 1024 if self.name.startswith("tour") else 3000
        if not any(size >= wanted for size in sizes):
            raise Failed(f"no body of {wanted} bytes among {sorted(sizes)[-5:]}")
