"""tinydtls at our DTLS engine: the sources that the crate tinydtls-sys brings, with a C program of ours."""

import json
import pathlib
import shutil
import subprocess

from . import dtls_world as world_of
from .dtls_lines import OF_CID, X509, Library, Peer
from .dtls_world import ECDHE_SUITES, PSK_SUITES, row

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tinydtls"
NUMBERS = {PSK_SUITES[0]: "c0a8", PSK_SUITES[1]: "c0a4", ECDHE_SUITES[0]: "c0ae", ECDHE_SUITES[1]: "c0ac"}
SOURCES = ("dtls.c netq.c peer.c session.c crypto.c ccm.c hmac.c dtls_time.c dtls_debug.c dtls_prng.c aes/rijndael.c "
           "aes/rijndael_wrap.c sha2/sha2.c ecc/ecc.c").split()
# How long cargo may take to get the sources, seconds.
PATIENCE = 300

BOTH = (world_of.WRONG_KEY, world_of.UNKNOWN_IDENTITY, world_of.STRANGE_KEY, world_of.EMS_REQUIRED)


class TinyDtls(Library):
    name = "tinydtls"
    suites = {"psk": PSK_SUITES[:2], "x509": (), "rpk": ECDHE_SUITES[:2]}
    features = {"client": BOTH, "server": BOTH}
    reasons = {
        "no GCM and no CBC": (
            *(row(suite, "psk") for suite in PSK_SUITES[2:]), *(row(suite, "rpk") for suite in ECDHE_SUITES[2:]),
            world_of.ENCRYPT_FIRST, world_of.MAC_FIRST),
        "no certificates": (*(row(suite, "x509") for suite in ECDHE_SUITES), world_of.STRANGER),
        "no Connection ID": OF_CID,
        "its extended master secret cannot be switched off": (world_of.NO_EMS,),
        "no x25519": (world_of.X25519,),
        "no fragments, and no max_fragment_length": (world_of.FRAGMENTS, world_of.FRAGMENT_LENGTH),
        "no resumption": (world_of.RESUMPTION, world_of.TICKET),
    }
    unknown_identity = "alert"

    def __init__(self, world, binary):
        self.world = world
        self.binary = binary

    def command(self, role, port, suite, kind, settings):
        command = [self.binary, role] + ([port] if role == "connect" else [])
        return command + [self.world.folder, NUMBERS[suite], *(f"{name}={value}" for name, value in settings.items())]


def sources():
    """The folder of tinydtls' sources, or why there is none."""
    command = ["cargo", "metadata", "--quiet", "--locked", "--format-version", "1",
               "--filter-platform", "x86_64-unknown-linux-gnu"]
    try:
        result = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None, "cargo did not finish in time"
    if result.returncode != 0:
        return None, f"cargo could not get the sources: {result.stderr.strip().rpartition(chr(10))[2]}"
    packages = json.loads(result.stdout)["packages"]
    found = next(package for package in packages if package["name"] == "tinydtls-sys")
    return pathlib.Path(found["manifest_path"]).parent / "src" / "tinydtls", ""


def compiled(target):
    """Our program, or why there is none."""
    compiler = shutil.which("cc")
    if not compiler:
        return None, "there is no C compiler"
    folder, why_not = sources()
    if not folder:
        return None, why_not
    binary = target / "dtls-peer-tinydtls"
    # Warnings are for our source only: the library has its own.
    command = [compiler, "-O1", "-w", "-DDTLSv12", "-DWITH_SHA256", "-DSHA2_USE_INTTYPES_H",
               "-DDTLS_CHECK_CONTENTTYPE", f"-I{FOLDER}", f"-I{folder}",
               "-o", binary, FOLDER / "peer.c", *(folder / source for source in SOURCES), "-lpthread"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode != 0:
        raise SystemExit(made.stderr)
    return binary, ""


def run(world, target):
    binary, why_not = compiled(target)
    if not binary:
        world.matrix.skip(TinyDtls.name, why_not)
        return
    peer = Peer(world, TinyDtls(world, binary))
    peer.all()
    # It has no other group than this one.
    world.matrix.check(TinyDtls.name, "client", world_of.SECP256R1, lambda: peer.meet(world.server(), X509, "rpk"))
    world.matrix.check(TinyDtls.name, "server", world_of.SECP256R1, lambda: peer.exchange(X509, "rpk"))
