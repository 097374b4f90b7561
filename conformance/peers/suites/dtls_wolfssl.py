"""wolfSSL at our DTLS engine: Debian's library, through a C program of ours."""

import pathlib
import shutil
import subprocess

from . import dtls_world as world_of
from .dtls_lines import OF_CID, OF_RPK, X509, Library, Peer, Relay
from .dtls_world import ECDHE_SUITES, PSK_SUITES, expect_group, row

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "wolfssl" / "peer.c"
# What wolfSSL calls the suites.
NAMES = dict(zip(ECDHE_SUITES, (
    "ECDHE-ECDSA-AES128-CCM-8", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256")))

BOTH = (world_of.STRANGER, world_of.EMS_REQUIRED, world_of.ENCRYPT_FIRST, world_of.MAC_FIRST,
        world_of.FRAGMENT_LENGTH, world_of.RESUMPTION, world_of.TICKET)


class WolfSsl(Library):
    name = "wolfSSL"
    suites = {"psk": (), "x509": ECDHE_SUITES, "rpk": ()}
    features = {"client": (*BOTH, world_of.NO_EMS), "server": BOTH}
    reasons = {
        "Debian's library is built without plain PSK": (
            *(row(suite, "psk") for suite in PSK_SUITES), world_of.WRONG_KEY, world_of.UNKNOWN_IDENTITY),
        "its server takes the extended master secret whenever it is offered": (world_of.NO_EMS,),
        "no raw public keys in Debian's version": OF_RPK,
        "Debian's library is built without Connection ID": OF_CID,
        "Debian's library is built without a choice of the MTU": (world_of.FRAGMENTS,),
    }

    def __init__(self, world, binary):
        self.world = world
        self.binary = binary

    def command(self, role, port, suite, kind, settings):
        settings = {name: value for name, value in settings.items() if name not in ("key", "identity")}
        command = [self.binary, role] + ([port] if role == "connect" else [])
        return command + [self.world.folder, NAMES[suite], *(f"{name}={value}" for name, value in settings.items())]


def compiled(target):
    """Our program, or why there is none."""
    compiler = shutil.which("cc")
    if not compiler:
        return None, "there is no C compiler"
    found = subprocess.run([compiler, "-E", "-x", "c", "-"], input="#include <wolfssl/ssl.h>\n", capture_output=True,
                           text=True)
    if found.returncode != 0:
        return None, "the wolfSSL library is not installed (libwolfssl-dev)"
    binary = target / "dtls-peer-wolfssl"
    made = subprocess.run([compiler, "-O1", "-Wall", "-Wextra", "-Werror", SOURCE, "-o", binary, "-lwolfssl"],
                          capture_output=True, text=True)
    if made.returncode != 0:
        # A source that does not compile is our mistake.
        raise SystemExit(made.stderr)
    return binary, ""


def groups(peer):
    """wolfSSL and its groups, in both roles."""
    def client(group):
        server = peer.world.server()
        with Relay(server.port) as relay:
            server.meet(lambda: peer.client(relay.port, X509, "x509", group=group), X509, "x509")
            expect_group(group, b"".join(relay.seen))

    def server(group):
        capture = peer.world.path("group.pcap")
        peer.exchange(X509, "x509", "--capture", capture, group=group)
        expect_group(group, capture.read_bytes())

    for group in (world_of.SECP256R1, world_of.X25519):
        peer.matrix.check(WolfSsl.name, "client", group, lambda group=group: client(group))
    peer.matrix.check(WolfSsl.name, "server", world_of.SECP256R1, lambda: server(world_of.SECP256R1))
    peer.matrix.not_offered(WolfSsl.name, "server", [world_of.X25519], "its server takes the first group of our client")


def run(world, target):
    binary, why_not = compiled(target)
    if binary:
        peer = Peer(world, WolfSsl(world, binary))
        peer.all()
        groups(peer)
    else:
        world.matrix.skip(WolfSsl.name, why_not)
