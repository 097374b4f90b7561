"""What the suites of DTLS peers share: our program, keys and certificates, and the matrix of what was tried."""

import os
import pathlib
import re
import select
import shutil
import socket
import tempfile
import threading

from . import report
from .harness import Failed, Program, expect

PSK_IDENTITY = "device-1"
# Of these tests only; both sides have it.
PSK_KEY = "000102030405060708090a0b0c0d0e0f"
OTHER_KEY = "0f0e0d0c0b0a09080706050403020100"
SERVER_NAME = "server.example"
CLIENT_NAME = "device-1"

PSK_SUITES = tuple(f"TLS_PSK_WITH_AES_128_{rest}" for rest in ("CCM_8", "CCM", "GCM_SHA256", "CBC_SHA256"))
ECDHE_SUITES = tuple(f"TLS_ECDHE_ECDSA_WITH_AES_128_{rest}" for rest in ("CCM_8", "CCM", "GCM_SHA256", "CBC_SHA256"))

# The rows of the matrix that are no suites.
WRONG_KEY = "wrong pre-shared key"
UNKNOWN_IDENTITY = "unknown identity"
STRANGER = "certificate of a stranger"
STRANGE_KEY = "raw public key of a stranger"
NO_EMS = "without extended master secret"
EMS_REQUIRED = "extended master secret required"
MAC_FIRST = "CBC, MAC then encrypt"
ENCRYPT_FIRST = "CBC, encrypt then MAC"
SECP256R1 = "secp256r1"
X25519 = "x25519"
FRAGMENTS = "handshake in datagrams of 256 bytes"
FRAGMENT_LENGTH = "max_fragment_length"
RESUMPTION = "resumption by session id"
TICKET = "resumption by ticket"
CID_OURS = "Connection ID, ours"
CID_PEER = "Connection ID, the peer's"
CID_BOTH = "Connection ID, both"
CID_MOVE = "Connection ID, another address"

# How the key of a group begins in a ServerKeyExchange: named curve, its number, length (RFC 8422, section 5.4).
SHARES = {SECP256R1: b"\x03\x00\x17\x41", X25519: b"\x03\x00\x1d\x20"}

FEATURES = (WRONG_KEY, UNKNOWN_IDENTITY, STRANGER, STRANGE_KEY, NO_EMS, EMS_REQUIRED, ENCRYPT_FIRST, MAC_FIRST, SECP256R1,
            X25519, FRAGMENTS, FRAGMENT_LENGTH, RESUMPTION, TICKET, CID_OURS, CID_PEER, CID_BOTH, CID_MOVE)


def row(suite, kind):
    """The row of a suite with a kind of credentials."""
    return f"{suite} {'PSK' if kind == 'psk' else kind.upper().replace('X509', 'X.509')}"


ROWS = (tuple(row(suite, "psk") for suite in PSK_SUITES)
        + tuple(row(suite, "x509") for suite in ECDHE_SUITES)
        + tuple(row(suite, "rpk") for suite in ECDHE_SUITES)
        + FEATURES)


# What the summary counts together.
GROUPS = {
    "PSK": tuple(row(suite, "psk") for suite in PSK_SUITES),
    "X.509": tuple(row(suite, "x509") for suite in ECDHE_SUITES),
    "RPK": tuple(row(suite, "rpk") for suite in ECDHE_SUITES),
    "refusals": (WRONG_KEY, UNKNOWN_IDENTITY, STRANGER, STRANGE_KEY),
    "extended master secret": (NO_EMS, EMS_REQUIRED),
    "CBC, both orders": (ENCRYPT_FIRST, MAC_FIRST),
    "groups": (SECP256R1, X25519),
    "fragments": (FRAGMENTS, FRAGMENT_LENGTH),
    "resumption": (RESUMPTION, TICKET),
    "Connection ID": (CID_OURS, CID_PEER, CID_BOTH, CID_MOVE),
}


def expect_group(group, datagrams):
    """A server has made its ephemeral key in this group."""
    if SHARES[group] not in datagrams:
        raise Failed(f"no key of {group} was in the datagrams")


class Matrix:
    """What came of each row with each peer in each of its roles."""

    # What a cell says, the weightiest last.
    WEIGHT = ("not offered", "skipped", "pass", "FAIL")

    def __init__(self, table):
        self.table = table
        self.peers = []
        self.cells = {}
        self.reasons = {}

    def _put(self, peer, role, what, result):
        if (peer, role) not in self.peers:
            self.peers.append((peer, role))
        if what not in ROWS:
            raise KeyError(f"the matrix has no row {what!r}")
        old = self.cells.get((peer, role, what), result)
        self.cells[peer, role, what] = max(old, result, key=self.WEIGHT.index)

    def check(self, peer, role, what, call):
        passed = self.table.check(f"{peer} as {role}", what, call)
        self._put(peer, role, what, "pass" if passed else "FAIL")

    def not_offered(self, peer, role, whats, why):
        """The peer has no such thing, so that there is nothing to check."""
        for what in whats:
            self._put(peer, role, what, "not offered")
        self.reasons.setdefault((peer, why), []).extend(whats)

    def skip(self, peer, why):
        """The peer is not here."""
        self.table.skip(peer, "all", why)
        for role in ("client", "server"):
            for what in ROWS:
                self._put(peer, role, what, "skipped")

    def markdown(self):
        """The matrix in Markdown: a column is a peer in a role."""
        signs = {"not offered": "-", None: ""}
        head = [""] + [f"{peer}, {role}" for peer, role in self.peers]
        rows = []
        for what in ROWS:
            cells = [self.cells.get((peer, role, what)) for peer, role in self.peers]
            rows.append([what] + [signs.get(cell, cell) for cell in cells])
        lines = ["The columns say who the peer is. -: the peer does not offer it; empty: not driven.", "",
                 report.table(head, rows)]
        if self.reasons:
            lines += ["", *(f"- {peer}: {why}: {', '.join(dict.fromkeys(whats))}"
                            for (peer, why), whats in self.reasons.items())]
        return "\n".join(lines)

    def summary(self):
        """A line a peer: of each group of rows, how many passed with the peer as client, and as server."""
        rows = []
        for peer in dict.fromkeys(peer for peer, _ in self.peers):
            cells = [self._of_group(peer, whats) for whats in GROUPS.values()]
            rows.append([peer, *cells])
        head = ["Peer", *(f"{name} ({len(whats)})" for name, whats in GROUPS.items())]
        lines = ["How much of each passed with the peer as client, and as server. -: the peer does not offer any of it.",
                 "", report.table(head, rows)]
        return "\n".join(lines)

    def _of_group(self, peer, whats):
        said = []
        for role in ("client", "server"):
            cells = [self.cells.get((peer, role, what), "not driven") for what in whats]
            count = {cell: cells.count(cell) for cell in cells}
            parts = [f"{count['FAIL']} FAIL"] if "FAIL" in count else []
            parts += ["skipped"] if "skipped" in count else []
            parts += [str(count["pass"])] if "pass" in count else []
            said.append(" ".join(parts) or ("-" if "not offered" in count else ""))
        return said[0] if said[0] == said[1] and said[0] in ("", "-", "skipped") else f"{said[0]}, {said[1]}"

    def print(self):
        self.table.say(f"\nDTLS 1.2 engine\n\n{self.markdown()}\n\n{self.summary()}\n")


class Relay:
    """A router between a client and a server of 127.0.0.1: it can give the client another port, and sees all."""

    def __init__(self, server_port):
        self.server = ("127.0.0.1", server_port)
        self.inside = self._socket()
        self.port = self.inside.getsockname()[1]
        self.outside = self._socket()
        self.seen = []
        self.client = None
        self.waker, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)

    @staticmethod
    def _socket():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        return one

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.waker.send(b"end")
        self.thread.join()
        for one in (self.inside, self.outside, self.waker, self.woken):
            one.close()

    def _run(self):
        while True:
            ready, _, _ = select.select([self.inside, self.outside, self.woken], [], [])
            if self.woken in ready:
                return
            for one in ready:
                data, address = one.recvfrom(65536)
                self.seen.append(data)
                if one is self.inside:
                    self.client = address
                    self.outside.sendto(data, self.server)
                elif self.client:
                    self.inside.sendto(data, self.client)

    def move(self):
        """From here on the server sees the client at another port; what is under way to the old one is lost."""
        self.waker.send(b"end")
        self.thread.join()
        self.woken.recv(16)
        self.outside.close()
        self.outside = self._socket()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()


class World:
    """Our program with its keys, and servers of ours that stay while a suite runs."""

    def __init__(self, table, matrix, program, webrtc):
        self.table = table
        self.matrix = matrix
        self.program = program
        self.webrtc = webrtc
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lwm2m-dtls-peers-"))
        self.servers = {}
        os.environ["DTLS_PEER_PSK_KEY"] = PSK_KEY
        maker = Program("dtls-peer credentials", [program, "credentials", self.folder])
        expect(maker.finish(), 0, "exit code of dtls-peer credentials")
        self.client_spki = self.path("client.spki").read_bytes().hex()
        self.server_spki = self.path("server.spki").read_bytes().hex()

    def path(self, name):
        return self.folder / name

    def close(self):
        for server in self.servers.values():
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def server(self, *options):
        """Our server with these options beyond all credentials, started once."""
        if options not in self.servers:
            self.servers[options] = Server(self, options)
        return self.servers[options]

    def identity(self, kind, name="client"):
        """How our program names the other side."""
        spki = self.client_spki if name == "client" else self.server_spki
        common_name = CLIENT_NAME if name == "client" else SERVER_NAME
        return {"psk": f"psk:{PSK_IDENTITY}", "rpk": f"rpk:{spki}", "x509": f"x509:{common_name}"}[kind]

    def connect(self, port, kind, *options, echo=None, environment=None):
        """Our client at a server; what it said of the session, and of the second one where it took it up again.

        A peer that does not echo by itself is made to by `echo`, which is called with the lines that it must answer.
        """
        client = Program("dtls-peer connect", [
            self.program, "connect", f"127.0.0.1:{port}", "--with", kind, "--credentials", self.folder, *options,
        ], environment)
        try:
            if echo:
                echo()
            code = client.finish()
        finally:
            client.stop()
        if code != 0:
            raise Failed(f"our client ended with {code}: {' | '.join(client.lines[-4:])}")
        said = [agreed(line) for line in client.lines if line.startswith("connected ")]
        expect(len(said), 2 if "--resume" in options else 1, "sessions")
        for one in said:
            # A session that is taken up again has the identity of the one before.
            expect(one["identity"], self.identity(kind, "server") if kind != "psk" else self.identity(kind))
        return said

    def refused(self, port, kind, *options, because):
        """Our client is turned away, or turns the server away, and says why."""
        client = Program("dtls-peer connect", [
            self.program, "connect", f"127.0.0.1:{port}", "--with", kind, "--credentials", self.folder, *options,
        ])
        try:
            line = client.wait("failed ")
            expect(client.finish(), 1, "exit code")
        finally:
            client.stop()
        if not re.search(because, line):
            raise Failed(f"expected a reason like {because!r}, got {line!r}")


def agreed(line):
    """The words `name=value` of a line."""
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


class Server(Program):
    """Our server, with all credentials on one port."""

    def __init__(self, world, options):
        super().__init__("dtls-peer serve", [world.program, "serve", "--credentials", world.folder, *options])
        self.world = world
        self.port = int(self.wait("listening ").rpartition(":")[2])

    def meet(self, client, suite, kind, **expected):
        """Lets a client of the peer come by: what was agreed, which must be as expected, once its data is here."""
        since = self.mark()
        client()
        line = self.wait("connected ", since)
        said = agreed(line)
        expect(said["identity"], self.world.identity(kind), "identity of the client")
        if suite:
            expect(said["suite"], suite, "suite")
        for name, value in expected.items():
            expect(said[name.replace("_", "-")], value, name)
        self.wait("data ", since)
        return said

    def turn_away(self, client, why):
        """Lets a client of the peer come by that must not get in."""
        since = self.mark()
        client()
        self.wait(f"refused {why}", since)
        for line in self.lines[since:]:
            if line.startswith("connected "):
                raise Failed(f"a client that should be refused got in: {line}")
