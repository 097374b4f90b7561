"""Wireshark's tshark reads what our DTLS engine sends: with our key log the data, without it nothing."""

import shutil
import subprocess

from .dtls_world import ECDHE_SUITES, PSK_SUITES, row
from .harness import Failed, expect

AREA = "tshark"
LINE = "hello tshark"


def run(world):
    if not shutil.which("tshark"):
        world.table.skip(AREA, "all", "tshark is not installed")
        return
    server = world.server("--connection-id", "6", "--resumable", "100")
    every = [(suite, "psk", False) for suite in PSK_SUITES]
    every += [(suite, kind, False) for suite in ECDHE_SUITES for kind in ("x509", "rpk")]
    # Every way of protection once with Connection IDs.
    every += [(suite, "psk", True) for suite in PSK_SUITES]
    for suite, kind, with_ids in every:
        name = f"decrypts {row(suite, kind)}{' with Connection IDs' if with_ids else ''}"
        options = ["--connection-id", "4"] if with_ids else ["--no-connection-id"]
        world.table.check(AREA, name, lambda suite=suite, kind=kind, options=options: session(
            world, server, kind, "--suite", suite, *options))
    world.table.check(AREA, "decrypts a session that was taken up again, and neither without the key log", lambda: session(
        world, server, "psk", "--resume", sessions=2))


def session(world, server, kind, *options, sessions=1):
    """Our client and our server, seen through tshark."""
    capture, keys = world.path("tshark.pcap"), world.path("tshark.keys")
    keys.unlink(missing_ok=True)
    world.connect(server.port, kind, *options, "--line", LINE, "--capture", capture, "--danger-key-log", keys)
    expect(len(keys.read_text().splitlines()), sessions, "lines of the key log")
    line = f"{LINE}\n".encode().hex()
    # What goes there and what comes back, of each session.
    expect(decrypted(server.port, capture, keys), [line] * 2 * sessions, "data that tshark decrypts")
    if sessions > 1:
        expect(decrypted(server.port, capture, None), [], "data that tshark decrypts without the key log")


def decrypted(port, capture, keys):
    """The application data that tshark finds; it must not find anything malformed."""
    command = ["tshark", "-r", capture, "-d", f"udp.port=={port},dtls", "-T", "fields", "-e", "data.data",
               "-e", "_ws.malformed", "-E", "separator=|"]
    command += ["-o", f"tls.keylog_file:{keys}"] if keys else []
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise Failed(f"tshark ended with {result.returncode}: {result.stderr.strip()[-200:]}")
    found = [line.split("|") for line in result.stdout.splitlines()]
    expect([malformed for _, malformed in found if malformed], [], "malformed")
    return [data for data, _ in found if data]
