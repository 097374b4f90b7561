"""Peer programs of ours on DTLS libraries that bring no program: they all speak the same lines.

A program is called as `serve` or `connect PORT` and says `listening PORT`, `agreed`, `data TEXT`, `echo TEXT`,
`failed WHY`. What it is told beyond that are settings: key, identity, name (whose files are ours), mtu, fragment, ems,
etm, resume, cid.
"""

from . import dtls_world as world_of
from .dtls_world import ECDHE_SUITES, OTHER_KEY, PSK_IDENTITY, PSK_KEY, PSK_SUITES, Relay, row
from .harness import Failed, Program, expect, expect_in

PSK, X509 = PSK_SUITES[0], ECDHE_SUITES[0]
SILENCE = "did not come in time"


class Library:
    """What a library is called, what it offers, and how its program is."""

    name = ""
    # By kind of credentials.
    suites = {"psk": (), "x509": (), "rpk": ()}
    # Rows of the matrix beyond the suites, by role of the library.
    features = {"client": (), "server": ()}
    # Why the others are not.
    reasons = {}
    # What our client hears where the server does not know its key.
    wrong_key = SILENCE
    unknown_identity = SILENCE

    def command(self, role, port, suite, kind, settings):
        """The command line of its program; `port` is None for a server."""
        raise NotImplementedError


def kind_of(suite):
    return "psk" if suite in PSK_SUITES else "x509"


class Peer:
    def __init__(self, world, library):
        self.world = world
        self.matrix = world.matrix
        self.library = library

    def program(self, role, suite, kind, port=None, **settings):
        settings = {"key": PSK_KEY, "identity": PSK_IDENTITY, **settings}
        command = self.library.command(role, port, suite, kind, settings)
        return Program(self.library.name, command)

    def client(self, port, suite, kind, **settings):
        """The library says a line and hears its echo."""
        program = self.program("connect", suite, kind, port, **settings)
        try:
            code = program.finish()
            if code != 0:
                raise Failed(f"{self.library.name} ended with {code}: {' | '.join(program.lines[-4:])}")
            expect_in("echo ping", "\n".join(program.lines), self.library.name)
        finally:
            program.stop()

    def meet(self, at, suite, kind, expected=None, **settings):
        return at.meet(lambda: self.client(at.port, suite, kind, **settings), suite, kind, **(expected or {}))

    def turned_away(self, at, why, suite, kind, **settings):
        programs = []
        try:
            at.turn_away(lambda: programs.append(self.program("connect", suite, kind, at.port, **settings)), why)
        finally:
            for program in programs:
                program.stop()

    def with_server(self, suite, kind, call, **settings):
        server = self.program("serve", suite, kind, **settings)
        try:
            return call(int(server.wait("listening ").rpartition(" ")[2].rpartition(":")[2]))
        finally:
            server.stop()

    def exchange(self, suite, kind, *ours, expected=None, **settings):
        """Our client at the library's server: what our client said of its sessions."""
        said = self.with_server(
            suite, kind, lambda port: self.world.connect(port, kind, "--suite", suite, *ours), **settings)
        for one in said:
            expect(one["suite"], suite, "suite")
            for name, value in (expected or {}).items():
                expect(one[name], value, name)
        return said

    def refused(self, suite, kind, *ours, because, **settings):
        self.with_server(suite, kind, lambda port: self.world.refused(
            port, kind, "--suite", suite, *ours, because=because), **settings)

    def all(self):
        library = self.library
        for role, checks in (("client", self.checks_of_client()), ("server", self.checks_of_server())):
            for kind, suites in library.suites.items():
                for suite in suites:
                    call = self.meet if role == "client" else self.exchange
                    at = [self.world.server()] if role == "client" else []
                    self.matrix.check(library.name, role, row(suite, kind),
                                      lambda call=call, at=at, suite=suite, kind=kind: call(*at, suite, kind))
            for what in library.features[role]:
                for call in checks[what]:
                    self.matrix.check(library.name, role, what, call)
            for why, whats in library.reasons.items():
                offered = [what for what in whats if what in library.features[role]]
                self.matrix.not_offered(library.name, role, [what for what in whats if what not in offered], why)

    def checks_of_client(self):
        plain = self.world.server()
        small = self.world.server("--mtu", "256", "--provider", "rustcrypto")
        strict = self.world.server("--require-extended-master-secret")
        kept = self.world.server("--connection-id", "6", "--resumable", "100")
        # A server that gives tickets keeps no session: there is no other way to take one up.
        sealing = self.world.server("--ticket-lifetime", "3600")
        meet, away = self.meet, self.turned_away

        def resumption(at, suite, kind, **settings):
            since = at.mark()
            self.client(at.port, suite, kind, resume="yes", **settings)
            at.wait("connected ", since, holds=lambda line: line.endswith("resumed=yes"))

        def moves(suite, kind):
            """The program sends its line twice, and the router between gives it another port after the first."""
            with Relay(kept.port) as relay:
                program = self.program("connect", suite, kind, relay.port, cid="4", again="yes")
                try:
                    program.wait("echo ping")
                    since = kept.mark()
                    relay.move()
                    program.say("")
                    expect(program.finish(), 0, "exit code")
                    kept.wait("moved ", since)
                finally:
                    program.stop()

        no_ems = {"ems": "no"}
        return {
            world_of.WRONG_KEY: [lambda: away(plain, "wrong-key", PSK, "psk", key=OTHER_KEY)],
            world_of.UNKNOWN_IDENTITY: [lambda: away(plain, "unknown-identity", PSK, "psk", identity="nobody")],
            world_of.STRANGER: [lambda: away(plain, "certificate", X509, "x509", name="stranger")],
            world_of.STRANGE_KEY: [lambda: away(plain, "certificate", X509, "rpk", name="stranger")],
            world_of.NO_EMS: [lambda suite=suite: meet(plain, suite, kind_of(suite), no_ems, ems="no")
                              for suite in self.some()],
            world_of.EMS_REQUIRED: [
                lambda: meet(strict, self.some()[0], kind_of(self.some()[0]), {"ems": "yes"}),
                *([lambda: away(strict, "other", self.some()[0], kind_of(self.some()[0]), ems="no")]
                  if world_of.NO_EMS in self.library.features["client"] else [])],
            world_of.ENCRYPT_FIRST: [lambda suite=suite: meet(plain, suite, kind_of(suite), {"etm": "yes"})
                                     for suite in self.cbc()],
            world_of.MAC_FIRST: [lambda suite=suite: meet(plain, suite, kind_of(suite), {"etm": "no"}, etm="no")
                                 for suite in self.cbc()],
            world_of.FRAGMENTS: [lambda: meet(small, X509, "x509", mtu="256")],
            world_of.FRAGMENT_LENGTH: [lambda: meet(plain, X509, "x509", {"max_plaintext": "512"}, fragment="512")],
            world_of.RESUMPTION: [lambda suite=suite: resumption(kept, suite, kind_of(suite)) for suite in self.some()],
            world_of.TICKET: [lambda suite=suite: resumption(sealing, suite, kind_of(suite), ticket="yes")
                              for suite in self.some()],
            world_of.CID_OURS: [lambda: meet(kept, PSK, "psk", {"own_id": "6", "peer_id": "0"}, cid="0")],
            world_of.CID_PEER: [lambda: meet(plain, PSK, "psk", {"own_id": "0", "peer_id": "4"}, cid="4")],
            world_of.CID_BOTH: [lambda: meet(kept, PSK, "psk", {"own_id": "6", "peer_id": "4"}, cid="4")],
            world_of.CID_MOVE: [lambda: moves(PSK, "psk")],
        }

    def checks_of_server(self):
        exchange, refused = self.exchange, self.refused
        library = self.library
        no_ems = {"ems": "no"}

        def resumed(suite, *ours, **settings):
            said = exchange(suite, kind_of(suite), "--resume", *ours, **settings)
            expect([one["resumed"] for one in said], ["no", "yes"], "taken up")

        def ids(own, peer, *ours, cid):
            exchange(PSK, "psk", *ours, expected={"own-id": own, "peer-id": peer}, cid=cid)

        return {
            world_of.WRONG_KEY: [lambda: refused(
                PSK, "psk", "--psk-key", OTHER_KEY, "--patience", "2", because=library.wrong_key)],
            world_of.UNKNOWN_IDENTITY: [lambda: refused(
                PSK, "psk", "--psk-identity", "nobody", "--patience", "2", because=library.unknown_identity)],
            world_of.STRANGER: [
                lambda: refused(X509, "x509", "--as", "stranger", "--patience", "4", because=f"alert|{SILENCE}"),
                lambda: refused(X509, "x509", because="certificate", name="stranger")],
            world_of.STRANGE_KEY: [
                lambda: refused(X509, "rpk", "--as", "stranger", because=f"alert|{SILENCE}"),
                lambda: refused(X509, "rpk", because="another public key", name="stranger")],
            world_of.NO_EMS: [lambda suite=suite: exchange(suite, kind_of(suite), expected=no_ems, ems="no")
                              for suite in self.some()],
            world_of.EMS_REQUIRED: [
                lambda: exchange(self.some()[0], kind_of(self.some()[0]), "--require-extended-master-secret"),
                *([lambda: refused(self.some()[0], kind_of(self.some()[0]), "--require-extended-master-secret",
                                   because="extended master secret", ems="no")]
                  if world_of.NO_EMS in library.features["server"] else [])],
            world_of.ENCRYPT_FIRST: [lambda suite=suite: exchange(suite, kind_of(suite), expected={"etm": "yes"})
                                     for suite in self.cbc()],
            world_of.MAC_FIRST: [lambda suite=suite: exchange(suite, kind_of(suite), expected={"etm": "no"}, etm="no")
                                 for suite in self.cbc()],
            world_of.FRAGMENTS: [lambda: exchange(
                X509, "x509", "--mtu", "256", "--provider", "rustcrypto", mtu="256")],
            world_of.FRAGMENT_LENGTH: [lambda: exchange(
                X509, "x509", "--max-fragment-length", "512", expected={"max-plaintext": "512"})],
            world_of.RESUMPTION: [lambda suite=suite: resumed(suite) for suite in self.some()],
            world_of.TICKET: [lambda suite=suite: resumed(suite, "--ticket", ticket="yes") for suite in self.some()],
            world_of.CID_OURS: [lambda: ids("5", "0", "--connection-id", "5", cid="0")],
            world_of.CID_PEER: [lambda: ids("0", "4", cid="4")],
            world_of.CID_BOTH: [lambda: ids("8", "4", "--connection-id", "8", cid="4")],
            world_of.CID_MOVE: [lambda: ids("8", "4", "--connection-id", "8", "--move", cid="4")],
        }

    def some(self):
        """One suite of each kind that the library has."""
        return [suites[0] for kind, suites in self.library.suites.items() if suites and kind != "rpk"]

    def cbc(self):
        """The CBC suites that the library has."""
        return [suite for kind in ("psk", "x509") for suite in self.library.suites[kind] if "CBC" in suite]


# The features by what they need.
OF_RPK = tuple(row(suite, "rpk") for suite in ECDHE_SUITES) + (world_of.STRANGE_KEY,)
OF_CID = (world_of.CID_OURS, world_of.CID_PEER, world_of.CID_BOTH, world_of.CID_MOVE)
