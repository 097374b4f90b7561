"""GnuTLS's gnutls-cli and gnutls-serv at our DTLS engine."""

import shutil

from . import dtls_world as world_of
from .dtls_lines import OF_CID
from .dtls_world import ECDHE_SUITES, OTHER_KEY, PSK_IDENTITY, PSK_KEY, PSK_SUITES, SERVER_NAME, row
from .harness import Program, expect, expect_in, free_ports

PEER = "GnuTLS"

# How the priorities of GnuTLS say what a suite protects records with, and how its answers do.
CIPHERS = {"CCM_8": ("+AES-128-CCM-8:+AEAD", "AES-128-CCM-8"), "CCM": ("+AES-128-CCM:+AEAD", "AES-128-CCM"),
           "GCM_SHA256": ("+AES-128-GCM:+AEAD", "AES-128-GCM"), "CBC_SHA256": ("+AES-128-CBC:+SHA256", "AES-128-CBC")}
KINDS = {"psk": "+PSK", "x509": "+ECDHE-ECDSA:+CTYPE-X509", "rpk": "+ECDHE-ECDSA:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK"}
GROUPS = {world_of.SECP256R1: "+GROUP-SECP256R1", world_of.X25519: "+GROUP-X25519:+GROUP-SECP256R1"}
PSK, X509 = PSK_SUITES[0], ECDHE_SUITES[0]
CBC = ((PSK_SUITES[3], "psk"), (ECDHE_SUITES[3], "x509"), (ECDHE_SUITES[3], "rpk"))


def run(world):
    if not shutil.which("gnutls-cli") or not shutil.which("gnutls-serv"):
        world.matrix.skip(PEER, "gnutls-cli and gnutls-serv are not installed")
        return
    Peer(world).all()


def cipher(suite):
    return CIPHERS[suite.partition("AES_128_")[2]]


class Peer:
    def __init__(self, world):
        self.world = world
        self.matrix = world.matrix
        self.passwords = world.path("gnutls-psk.txt")
        self.passwords.write_text(f"{PSK_IDENTITY}:{PSK_KEY}\n")

    def priority(self, suite, kind, groups="+GROUP-ALL", flags=()):
        parts = ["NONE:+VERS-DTLS1.2:+COMP-NULL:+SIGN-ALL", KINDS[kind], cipher(suite)[0], groups, *flags]
        return ["--priority", ":".join(parts)]

    def keys(self, kind, name):
        path = self.world.path
        if kind == "rpk":
            return ["--rawpkkeyfile", path(f"{name}.key.pem"), "--rawpkfile", path(f"{name}.spki.pem")]
        return ["--x509keyfile", path(f"{name}.key.pem"), "--x509certfile", path(f"{name}.chain.pem"),
                "--x509cafile", path("authority.pem")]

    def client_program(self, port, suite, kind, *options, name="client", key=PSK_KEY, identity=PSK_IDENTITY, **priority):
        command = ["gnutls-cli", "--udp", "--port", port, "127.0.0.1", *self.priority(suite, kind, **priority), *options]
        if kind == "psk":
            command += ["--pskusername", identity, "--pskkey", key]
        elif kind == "x509":
            command += [*self.keys(kind, name), "--verify-hostname", SERVER_NAME, "--sni-hostname", SERVER_NAME]
        else:
            # GnuTLS trusts a raw public key that it has met before, or none.
            command += [*self.keys(kind, name), "--insecure"]
        return Program("gnutls-cli", command)

    def client(self, port, suite, kind, *options, sees=(), **more):
        """gnutls-cli says a line and waits for its echo; what it says of the session must have `sees`."""
        program = self.client_program(port, suite, kind, *options, **more)
        try:
            program.wait("- Simple Client Mode:")
            program.say("ping")
            program.wait("ping")
            program.process.stdin.close()
            program.finish()
            text = "\n".join(program.lines)
            for part in (f"({cipher(suite)[1]})", *sees):
                expect_in(part, text, "gnutls-cli")
        finally:
            program.stop()

    def with_server(self, suite, kind, call, *options, name="server", **priority):
        """Runs `call(port)` with a gnutls-serv, which takes its port on all addresses; it cannot be told another."""
        port = free_ports(1)[0]
        command = ["gnutls-serv", "--udp", "--echo", "--port", port, *self.priority(suite, kind, **priority), *options]
        if kind == "psk":
            command += ["--pskpasswd", self.passwords]
        else:
            command += [*self.keys(kind, name), "--require-client-cert"]
            command += ["--verify-client-cert"] if kind == "x509" else []
        server = Program("gnutls-serv", command)
        try:
            server.wait("UDP Echo Server listening on IPv4")
            return call(port)
        finally:
            server.stop()

    def exchange(self, suite, kind, *ours, theirs=(), ems=True, **priority):
        """Our client at gnutls-serv: what our client said of its sessions."""
        if not ems:
            priority["flags"] = ("%NO_SESSION_HASH",)
        said = self.with_server(suite, kind, lambda port: self.world.connect(port, kind, "--suite", suite, *ours),
                                *theirs, **priority)
        for one in said:
            expect(one["suite"], suite, "suite")
            expect(one["ems"], "yes" if ems else "no", "extended master secret")
        return said

    def all(self):
        self.as_client()
        self.as_server()
        for role in ("client", "server"):
            self.matrix.not_offered(PEER, role, OF_CID, "no Connection ID")
        self.matrix.not_offered(PEER, "server", [world_of.STRANGE_KEY], "gnutls-serv does not compare raw public keys")

    def as_client(self):
        server = self.world.server("--connection-id", "6", "--resumable", "100")
        small = self.world.server("--mtu", "256", "--provider", "rustcrypto")
        strict = self.world.server("--require-extended-master-secret")
        sealing = self.world.server("--ticket-lifetime", "3600")

        def check(what, call):
            self.matrix.check(PEER, "client", what, call)

        def meet(at, suite, kind, *options, expected=None, **more):
            return at.meet(lambda: self.client(at.port, suite, kind, *options, **more), suite, kind, **(expected or {}))

        def turned_away(at, why, suite, kind, **more):
            programs = []
            try:
                at.turn_away(lambda: programs.append(self.client_program(at.port, suite, kind, **more)), why)
            finally:
                for program in programs:
                    program.stop()

        for suite in PSK_SUITES:
            check(row(suite, "psk"), lambda suite=suite: meet(server, suite, "psk", expected={"ems": "yes"}))
        for kind in ("x509", "rpk"):
            for suite in ECDHE_SUITES:
                check(row(suite, kind), lambda suite=suite, kind=kind: meet(server, suite, kind, expected={"ems": "yes"}))
        check(world_of.WRONG_KEY, lambda: turned_away(server, "wrong-key", PSK, "psk", key=OTHER_KEY))
        check(world_of.UNKNOWN_IDENTITY, lambda: turned_away(server, "unknown-identity", PSK, "psk", identity="nobody"))
        check(world_of.STRANGER, lambda: turned_away(server, "certificate", X509, "x509", name="stranger"))
        check(world_of.STRANGE_KEY, lambda: turned_away(server, "certificate", X509, "rpk", name="stranger"))
        no_ems = {"flags": ("%NO_SESSION_HASH",)}
        for suite, kind in ((PSK, "psk"), (X509, "rpk")):
            check(world_of.NO_EMS, lambda suite=suite, kind=kind: meet(
                server, suite, kind, expected={"ems": "no"}, **no_ems))
        check(world_of.EMS_REQUIRED, lambda: meet(strict, PSK, "psk", expected={"ems": "yes"}))
        check(world_of.EMS_REQUIRED, lambda: turned_away(strict, "other", PSK, "psk", **no_ems))
        for suite, kind in CBC:
            check(world_of.ENCRYPT_FIRST, lambda suite=suite, kind=kind: meet(
                server, suite, kind, expected={"etm": "yes"}, sees=("EtM",)))
            check(world_of.MAC_FIRST, lambda suite=suite, kind=kind: meet(
                server, suite, kind, expected={"etm": "no"}, flags=("%NO_ETM",)))
        check(world_of.SECP256R1, lambda: meet(
            server, X509, "x509", groups=GROUPS[world_of.SECP256R1], sees=("(ECDHE-SECP256R1)",)))
        check(world_of.X25519, lambda: meet(
            server, X509, "x509", groups=GROUPS[world_of.X25519], sees=("(ECDHE-X25519)",)))
        check(world_of.FRAGMENTS, lambda: meet(small, X509, "x509", "--mtu", "256"))
        check(world_of.FRAGMENT_LENGTH, lambda: meet(
            server, X509, "x509", "--recordsize", "512", expected={"max_plaintext": "512"}))

        def resumption(at, suite, kind):
            since = at.mark()
            self.client(at.port, suite, kind, "--resume", sees=("*** This is a resumed session",))
            at.wait("connected ", since, holds=lambda line: line.endswith("resumed=yes"))

        for suite, kind in ((PSK, "psk"), (X509, "rpk"), (X509, "x509"), *CBC):
            check(world_of.RESUMPTION, lambda suite=suite, kind=kind: resumption(server, suite, kind))
            # A server that gives tickets keeps no session: there is no other way to take one up.
            check(world_of.TICKET, lambda suite=suite, kind=kind: resumption(sealing, suite, kind))

    def as_server(self):
        def check(what, call):
            self.matrix.check(PEER, "server", what, call)

        def refused(suite, kind, *ours, because, **more):
            self.with_server(suite, kind, lambda port: self.world.refused(
                port, kind, "--suite", suite, *ours, because=because), **more)

        for suite in PSK_SUITES:
            check(row(suite, "psk"), lambda suite=suite: self.exchange(suite, "psk"))
        for kind in ("x509", "rpk"):
            for suite in ECDHE_SUITES:
                check(row(suite, kind), lambda suite=suite, kind=kind: self.exchange(suite, kind))
        # GnuTLS drops records that do not open without a word, and makes up a key for identities that it does not know.
        silence = "did not come in time"
        check(world_of.WRONG_KEY, lambda: refused(
            PSK, "psk", "--psk-key", OTHER_KEY, "--patience", "2", because=silence))
        check(world_of.UNKNOWN_IDENTITY, lambda: refused(
            PSK, "psk", "--psk-identity", "nobody", "--patience", "2", because=silence))
        check(world_of.STRANGER, lambda: refused(X509, "x509", "--as", "stranger", because="alert"))
        check(world_of.STRANGER, lambda: refused(X509, "x509", because="certificate", name="stranger"))
        check(world_of.STRANGE_KEY, lambda: refused(X509, "rpk", because="another public key", name="stranger"))
        for suite, kind in ((PSK, "psk"), (X509, "rpk")):
            check(world_of.NO_EMS, lambda suite=suite, kind=kind: self.exchange(suite, kind, ems=False))
        check(world_of.EMS_REQUIRED, lambda: self.exchange(PSK, "psk", "--require-extended-master-secret"))
        check(world_of.EMS_REQUIRED, lambda: refused(
            PSK, "psk", "--require-extended-master-secret", because="extended master secret",
            flags=("%NO_SESSION_HASH",)))
        for suite, kind in CBC:
            check(world_of.ENCRYPT_FIRST, lambda suite=suite, kind=kind: expect(
                self.exchange(suite, kind)[0]["etm"], "yes", "encrypt then MAC"))
            check(world_of.MAC_FIRST, lambda suite=suite, kind=kind: expect(
                self.exchange(suite, kind, flags=("%NO_ETM",))[0]["etm"], "no", "encrypt then MAC"))
        for group in GROUPS:
            check(group, lambda group=group: self.group_of_server(group))
        check(world_of.FRAGMENTS, lambda: self.exchange(
            X509, "x509", "--mtu", "256", "--provider", "rustcrypto", theirs=("--mtu", "256")))
        check(world_of.FRAGMENT_LENGTH, lambda: expect(
            self.exchange(X509, "x509", "--max-fragment-length", "512")[0]["max-plaintext"], "512", "longest data"))

        def resumed(suite, kind, *ours, theirs=()):
            said = self.exchange(suite, kind, "--resume", *ours, theirs=theirs)
            expect([one["resumed"] for one in said], ["no", "yes"], "taken up")

        for suite, kind in ((PSK, "psk"), (X509, "rpk"), (X509, "x509"), *CBC):
            check(world_of.RESUMPTION, lambda suite=suite, kind=kind: resumed(suite, kind, theirs=("--noticket",)))
            check(world_of.TICKET, lambda suite=suite, kind=kind: resumed(suite, kind, "--ticket"))

    def group_of_server(self, group):
        capture = self.world.path("group.pcap")
        # With its own priorities first, and not those of the client.
        self.exchange(X509, "x509", "--capture", capture, groups=GROUPS[group], flags=("%SERVER_PRECEDENCE",))
        world_of.expect_group(group, capture.read_bytes())
