"""Scandium, the DTLS of Eclipse Californium, at our DTLS engine: through a Java program of ours."""

from . import dtls_world as world_of
from .dtls_world import ECDHE_SUITES, OTHER_KEY, PSK_IDENTITY, PSK_KEY, PSK_SUITES, Relay, agreed, row
from .harness import Failed, Program, expect

PEER = "Scandium"

PSK, X509 = PSK_SUITES[0], ECDHE_SUITES[0]
CBC = (PSK_SUITES[3], ECDHE_SUITES[3])


def run(world, java):
    """`java` is the command that runs a class of our Java programs."""
    program = Program("Scandium", [*java, "lwm2m.conformance.peers.ScandiumPeer", world.folder])
    try:
        program.wait("ready")
        Peer(world, program).all()
    finally:
        program.stop()


def kind_of(suite):
    return "psk" if suite in PSK_SUITES else "x509"


class Peer:
    def __init__(self, world, program):
        self.world = world
        self.matrix = world.matrix
        self.program = program

    def settings(self, suite, kind, values):
        settings = {"suite": suite, "kind": kind, "cid": 0, "key": PSK_KEY, "identity": PSK_IDENTITY, **values}
        return " ".join(f"{name}={value}" for name, value in settings.items())

    def echoes(self, command):
        """Scandium sends a line and hears its echo: what it says of the session."""
        answer = self.program.ask(command)
        if not answer.startswith("echo "):
            raise Failed(f"Scandium said: {answer}")
        return agreed(answer)

    def client(self, port, suite, kind, **values):
        return self.echoes(f"connect port={port} {self.settings(suite, kind, values)}")

    def refused_client(self, port, suite, kind, **values):
        answer = self.program.ask(f"connect port={port} {self.settings(suite, kind, values)}")
        if not answer.startswith("failed "):
            raise Failed(f"Scandium said: {answer}")

    def serve(self, suite, kind, **values):
        answer = self.program.ask(f"serve {self.settings(suite, kind, values)}")
        if not answer.startswith("port="):
            raise Failed(f"Scandium said: {answer}")
        return int(answer.partition("=")[2])

    def exchange(self, suite, kind, *ours, **values):
        """Our client at Scandium as server: what our client said of its sessions."""
        since = self.program.mark()
        port = self.serve(suite, kind, **values)
        said = self.world.connect(port, kind, "--suite", suite, *ours)
        expect(said[0]["suite"], suite, "suite")
        theirs = agreed(self.program.wait("data ", since))
        expect(theirs["cipher"], suite, "suite at Scandium")
        expect(theirs["ems"], said[0]["ems"], "extended master secret at Scandium")
        expect(theirs["own-id"], said[0]["peer-id"], "Connection ID of Scandium")
        expect(theirs["peer-id"], said[0]["own-id"], "Connection ID of ours")
        return said

    def all(self):
        self.as_client()
        self.as_server()
        for role in ("client", "server"):
            self.matrix.not_offered(PEER, role, [world_of.ENCRYPT_FIRST], "no encrypt-then-MAC")
            self.matrix.not_offered(PEER, role, [world_of.TICKET], "no tickets")

    def as_client(self):
        plain = self.world.server()
        with_id = self.world.server("--connection-id", "6", "--resumable", "100")
        small = self.world.server("--mtu", "256", "--provider", "rustcrypto")
        strict = self.world.server("--require-extended-master-secret")

        def check(what, call):
            self.matrix.check(PEER, "client", what, call)

        def meet(at, suite, kind, expected=None, **values):
            def client():
                theirs = self.client(at.port, suite, kind, **values)
                expect(theirs["cipher"], suite, "suite at Scandium")
            return at.meet(client, suite, kind, **(expected or {}))

        def turned_away(at, why, suite, kind, **values):
            at.turn_away(lambda: self.refused_client(at.port, suite, kind, **values), why)

        for suite in PSK_SUITES:
            check(row(suite, "psk"), lambda suite=suite: meet(plain, suite, "psk", {"ems": "yes"}))
        for kind in ("x509", "rpk"):
            for suite in ECDHE_SUITES:
                check(row(suite, kind), lambda suite=suite, kind=kind: meet(plain, suite, kind, {"ems": "yes"}))
        check(world_of.WRONG_KEY, lambda: turned_away(plain, "wrong-key", PSK, "psk", key=OTHER_KEY))
        check(world_of.UNKNOWN_IDENTITY, lambda: turned_away(plain, "unknown-identity", PSK, "psk", identity="nobody"))
        check(world_of.STRANGER, lambda: turned_away(plain, "certificate", X509, "x509", name="stranger"))
        check(world_of.STRANGE_KEY, lambda: turned_away(plain, "certificate", X509, "rpk", name="stranger"))
        for kind, suite in (("psk", PSK), ("rpk", X509)):
            check(world_of.NO_EMS, lambda suite=suite, kind=kind: meet(plain, suite, kind, {"ems": "no"}, ems="NONE"))
        check(world_of.EMS_REQUIRED, lambda: meet(strict, PSK, "psk", {"ems": "yes"}, ems="REQUIRED"))
        check(world_of.EMS_REQUIRED, lambda: turned_away(strict, "other", PSK, "psk", ems="NONE"))
        for suite in CBC:
            check(world_of.MAC_FIRST, lambda suite=suite: meet(plain, suite, kind_of(suite), {"etm": "no"}))
        for group in (world_of.SECP256R1, world_of.X25519):
            check(group, lambda group=group: self.group_of_client(group))
        check(world_of.FRAGMENTS, lambda: meet(small, X509, "x509", mtu=284))
        check(world_of.FRAGMENT_LENGTH, lambda: meet(plain, X509, "x509", {"max_plaintext": "512"}, fragment=512))

        def resumption(suite, kind, cid):
            first = self.world.server("--connection-id", "6", "--resumable", "100")
            meet(first, suite, kind, {"resumed": "no"}, cid=cid)
            first.meet(lambda: self.echoes("resume"), suite, kind, resumed="yes")

        for suite, kind, cid in ((PSK, "psk", 0), (PSK_SUITES[3], "psk", 4), (X509, "rpk", 4), (X509, "x509", 0)):
            check(world_of.RESUMPTION, lambda suite=suite, kind=kind, cid=cid: resumption(suite, kind, cid))
        check(world_of.CID_OURS, lambda: meet(with_id, PSK, "psk", {"own_id": "6", "peer_id": "0"}))
        check(world_of.CID_PEER, lambda: meet(plain, PSK, "psk", {"own_id": "0", "peer_id": "4"}, cid=4))
        for suite in PSK_SUITES + ECDHE_SUITES:
            check(world_of.CID_BOTH, lambda suite=suite: meet(
                with_id, suite, kind_of(suite), {"own_id": "6", "peer_id": "4"}, cid=4))
        for suite, kind, cid in ((PSK, "psk", 4), (CBC[0], "psk", 0), (X509, "rpk", 4)):
            check(world_of.CID_MOVE, lambda suite=suite, kind=kind, cid=cid: self.client_moves(with_id, suite, kind, cid))

    def group_of_client(self, group):
        with Relay(self.world.server().port) as relay:
            self.world.server().meet(lambda: self.client(relay.port, X509, "x509", group=group), X509, "x509")
            world_of.expect_group(group, b"".join(relay.seen))

    def client_moves(self, server, suite, kind, cid):
        """The router between changes the port of the client, and the session goes on."""
        with Relay(server.port) as relay:
            server.meet(lambda: self.client(relay.port, suite, kind, cid=cid), suite, kind)
            since = server.mark()
            relay.move()
            self.echoes("send")
            server.wait("moved ", since)
            relay.move()
            self.echoes("send")
            self.program.ask("close")

    def as_server(self):
        def check(what, call):
            self.matrix.check(PEER, "server", what, call)

        def refused(suite, kind, *ours, because, **values):
            self.world.refused(self.serve(suite, kind, **values), kind, "--suite", suite, *ours, because=because)

        for suite in PSK_SUITES:
            check(row(suite, "psk"), lambda suite=suite: self.exchange(suite, "psk"))
        for kind in ("x509", "rpk"):
            for suite in ECDHE_SUITES:
                check(row(suite, kind), lambda suite=suite, kind=kind: self.exchange(suite, kind))
        # Scandium drops what it cannot make sense of without a word, and the client finds out by itself.
        silence = "did not come in time"
        check(world_of.WRONG_KEY, lambda: refused(
            PSK, "psk", "--psk-key", OTHER_KEY, "--patience", "2", because=silence))
        check(world_of.UNKNOWN_IDENTITY, lambda: refused(
            PSK, "psk", "--psk-identity", "nobody", "--patience", "2", because=silence))
        check(world_of.STRANGER, lambda: refused(X509, "x509", "--as", "stranger", because="alert"))
        check(world_of.STRANGER, lambda: refused(X509, "x509", because="certificate", name="stranger"))
        check(world_of.STRANGE_KEY, lambda: refused(X509, "rpk", "--as", "stranger", because="alert"))
        check(world_of.STRANGE_KEY, lambda: refused(X509, "rpk", because="another public key", name="stranger"))
        for kind, suite in (("psk", PSK), ("rpk", X509)):
            check(world_of.NO_EMS, lambda suite=suite, kind=kind: expect(
                self.exchange(suite, kind, ems="NONE")[0]["ems"], "no", "extended master secret"))
        check(world_of.EMS_REQUIRED, lambda: self.exchange(
            PSK, "psk", "--require-extended-master-secret", ems="REQUIRED"))
        check(world_of.EMS_REQUIRED, lambda: refused(
            PSK, "psk", "--require-extended-master-secret", because="extended master secret", ems="NONE"))
        for suite in CBC:
            check(world_of.MAC_FIRST, lambda suite=suite: expect(
                self.exchange(suite, kind_of(suite))[0]["etm"], "no", "encrypt then MAC"))
        check(world_of.SECP256R1, lambda: self.group_of_server(world_of.SECP256R1))
        # It takes the first group of the client that it has, and it must have the curve of the certificates.
        self.matrix.not_offered(PEER, "server", [world_of.X25519], "its server takes the first group of our client")
        check(world_of.FRAGMENTS, lambda: self.exchange(
            X509, "x509", "--mtu", "256", "--provider", "rustcrypto", mtu=284))
        check(world_of.FRAGMENT_LENGTH, lambda: expect(
            self.exchange(X509, "x509", "--max-fragment-length", "512")[0]["max-plaintext"], "512", "longest data"))

        def resumed(suite, kind, *ours, **values):
            said = self.exchange(suite, kind, "--resume", *ours, **values)
            expect([one["resumed"] for one in said], ["no", "yes"], "taken up")

        check(world_of.RESUMPTION, lambda: resumed(PSK, "psk"))
        check(world_of.RESUMPTION, lambda: resumed(CBC[0], "psk", "--connection-id", "5", cid=4))
        check(world_of.RESUMPTION, lambda: resumed(X509, "rpk", "--connection-id", "5", cid=4))
        check(world_of.RESUMPTION, lambda: resumed(X509, "x509"))

        def ids(own, peer, suite, kind, *ours, **values):
            said = self.exchange(suite, kind, *ours, **values)[0]
            expect((said["own-id"], said["peer-id"]), (own, peer), "Connection IDs")

        check(world_of.CID_OURS, lambda: ids("5", "0", PSK, "psk", "--connection-id", "5"))
        check(world_of.CID_PEER, lambda: ids("0", "4", PSK, "psk", cid=4))
        for suite in PSK_SUITES + ECDHE_SUITES:
            check(world_of.CID_BOTH, lambda suite=suite: ids(
                "8", "4", suite, kind_of(suite), "--connection-id", "8", cid=4))
        check(world_of.CID_MOVE, lambda: ids("8", "4", PSK, "psk", "--connection-id", "8", "--move", cid=4))
        check(world_of.CID_MOVE, lambda: ids("0", "4", CBC[0], "psk", "--move", cid=4))
        check(world_of.CID_MOVE, lambda: ids("8", "6", X509, "rpk", "--connection-id", "8", "--move", cid=6))

    def group_of_server(self, group):
        capture = self.world.path("group.pcap")
        self.exchange(X509, "x509", "--capture", capture, group=group)
        world_of.expect_group(group, capture.read_bytes())
