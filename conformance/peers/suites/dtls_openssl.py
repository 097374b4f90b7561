"""OpenSSL's s_client and s_server at our DTLS engine."""

import shutil

from . import dtls_world as world_of
from .dtls_lines import OF_CID, OF_RPK
from .dtls_world import ECDHE_SUITES, OTHER_KEY, PSK_IDENTITY, PSK_KEY, PSK_SUITES, SERVER_NAME, row
from .harness import Program, expect, expect_in, free_ports

PEER = "OpenSSL"

# What OpenSSL calls the suites.
NAMES = dict(zip(PSK_SUITES + ECDHE_SUITES, (
    "PSK-AES128-CCM8", "PSK-AES128-CCM", "PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256",
    "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256")))
PSK, X509 = PSK_SUITES[0], ECDHE_SUITES[0]
PSK_CBC = PSK_SUITES[3]

WITHOUT_EMS = """openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = defaults
[defaults]
Options = -ExtendedMasterSecret
"""


def run(world):
    if not shutil.which("openssl"):
        world.matrix.skip(PEER, "openssl is not installed")
        return
    Peer(world).all()


class Peer:
    def __init__(self, world):
        self.world = world
        self.matrix = world.matrix
        self.without_ems = world.path("without-ems.cnf")
        self.without_ems.write_text(WITHOUT_EMS)

    def options(self, suite, name, key, identity=PSK_IDENTITY):
        # At the default level, CCM_8 is not good enough for OpenSSL.
        common = ["-dtls1_2", "-cipher", f"{NAMES[suite]}:@SECLEVEL=0"]
        if suite in PSK_SUITES:
            return common + ["-psk", key, "-psk_identity", identity]
        path = self.world.path
        return common + [
            "-cert", path(f"{name}.pem"), "-cert_chain", path(f"{name}.chain.pem"), "-key", path(f"{name}.key.pem"),
            "-CAfile", path("authority.pem"), "-verify_return_error"]

    def client(self, port, suite, *options, name="client", key=PSK_KEY, identity=PSK_IDENTITY, ems=True, sees=()):
        """s_client says a line and waits for its echo; what it says of the session must have `sees`."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *self.options(suite, name, key, identity)]
        if suite not in PSK_SUITES:
            command += ["-verify_hostname", SERVER_NAME, "-servername", SERVER_NAME]
        program = Program("s_client", command + list(options), None if ems else {"OPENSSL_CONF": str(self.without_ems)})
        try:
            program.wait("    Extended master secret:")
            program.say("ping")
            program.wait("ping")
            program.process.stdin.close()
            program.finish()
            text = "\n".join(program.lines)
            for part in (f"Cipher is {NAMES[suite]}", *sees):
                expect_in(part, text, "s_client")
        finally:
            program.stop()

    def refused_client(self, port, suite, **options):
        """s_client does not get in, whatever it says of that."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                   *self.options(suite, options.get("name", "client"), options.get("key", PSK_KEY),
                                 options.get("identity", PSK_IDENTITY))]
        environment = None if options.get("ems", True) else {"OPENSSL_CONF": str(self.without_ems)}
        return Program("s_client", command, environment)

    def with_server(self, suite, call, *options, name="server", ems=True):
        """Runs `call(port, server)` with an s_server."""
        port = free_ports(1)[0]
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *self.options(suite, name, PSK_KEY), *options]
        command += ["-nocert"] if suite in PSK_SUITES else ["-Verify", "3"]
        server = Program("s_server", command, None if ems else {"OPENSSL_CONF": str(self.without_ems)})
        try:
            server.wait("ACCEPT")
            return call(port, server)
        finally:
            server.stop()

    def exchange(self, suite, kind, *ours, theirs=(), ems=True, sessions=1):
        """Our client at an s_server: what our client said of its sessions."""
        def call(port, server):
            def echo():
                since = 0
                for _ in range(sessions):
                    server.wait("ping", since)
                    since = server.mark()
                    server.say("ping")
            said = self.world.connect(port, kind, "--suite", suite, *ours, echo=echo)
            for one in said:
                expect(one["suite"], suite, "suite")
                expect(one["ems"], "yes" if ems else "no", "extended master secret")
            expect_in(f"CIPHER is {NAMES[suite]}", "\n".join(server.lines), "s_server")
            return said
        return self.with_server(suite, call, *theirs, ems=ems)

    def group(self, name, offered):
        """Our client at an s_server that likes these groups; the one named is taken."""
        capture = self.world.path("group.pcap")
        self.exchange(X509, "x509", "--capture", capture, theirs=("-serverpref", "-groups", offered))
        world_of.expect_group(name, capture.read_bytes())

    def all(self):
        self.as_client()
        self.as_server()
        for role in ("client", "server"):
            self.matrix.not_offered(PEER, role, OF_RPK, "no raw public keys before 3.2")
            self.matrix.not_offered(PEER, role, OF_CID, "no Connection ID")

    def as_client(self):
        server = self.world.server("--connection-id", "6", "--resumable", "100")
        small = self.world.server("--mtu", "256", "--provider", "rustcrypto")
        strict = self.world.server("--require-extended-master-secret")
        sealing = self.world.server("--ticket-lifetime", "3600")

        def check(what, call):
            self.matrix.check(PEER, "client", what, call)

        def meet(at, suite, *options, expected=None, **more):
            kind = "psk" if suite in PSK_SUITES else "x509"
            return at.meet(lambda: self.client(at.port, suite, *options, **more), suite, kind, **(expected or {}))

        for suite in PSK_SUITES + ECDHE_SUITES:
            kind = "psk" if suite in PSK_SUITES else "x509"
            check(row(suite, kind), lambda suite=suite: meet(
                server, suite, expected={"ems": "yes", "own_id": "0", "peer_id": "0"}))

        def turned_away(at, why, suite, **options):
            programs = []
            try:
                at.turn_away(lambda: programs.append(self.refused_client(at.port, suite, **options)), why)
            finally:
                for program in programs:
                    program.stop()

        check(world_of.WRONG_KEY, lambda: turned_away(server, "wrong-key", PSK, key=OTHER_KEY))
        check(world_of.UNKNOWN_IDENTITY, lambda: turned_away(server, "unknown-identity", PSK, identity="nobody"))
        check(world_of.STRANGER, lambda: turned_away(server, "certificate", X509, name="stranger"))
        check(world_of.NO_EMS, lambda: meet(server, PSK, ems=False, expected={"ems": "no"}))
        check(world_of.NO_EMS, lambda: meet(server, X509, ems=False, expected={"ems": "no"}))
        check(world_of.EMS_REQUIRED, lambda: meet(strict, PSK, expected={"ems": "yes"}))
        check(world_of.EMS_REQUIRED, lambda: turned_away(strict, "other", PSK, ems=False))
        for cbc in (PSK_CBC, ECDHE_SUITES[3]):
            check(world_of.ENCRYPT_FIRST, lambda cbc=cbc: meet(server, cbc, expected={"etm": "yes"}))
            check(world_of.MAC_FIRST, lambda cbc=cbc: meet(server, cbc, "-no_etm", expected={"etm": "no"}))
        check(world_of.SECP256R1, lambda: meet(
            server, X509, "-groups", "P-256", sees=("Server Temp Key: ECDH, prime256v1",)))
        # The curve of the certificates must be among them too.
        check(world_of.X25519, lambda: meet(server, X509, "-groups", "X25519:P-256", sees=("Server Temp Key: X25519",)))
        check(world_of.FRAGMENTS, lambda: meet(small, X509, "-mtu", "256"))
        check(world_of.FRAGMENT_LENGTH, lambda: meet(
            server, X509, "-maxfraglen", "512", expected={"max_plaintext": "512"}))

        def resumption(at, suite, *sees):
            file = self.world.path("session.pem")
            meet(at, suite, "-sess_out", file, expected={"resumed": "no"}, sees=sees)
            meet(at, suite, "-sess_in", file, expected={"resumed": "yes"}, sees=("Reused, ", *sees))

        for suite in (PSK, PSK_CBC, X509):
            check(world_of.RESUMPTION, lambda suite=suite: resumption(server, suite))
            check(world_of.TICKET, lambda suite=suite: resumption(sealing, suite, "TLS session ticket:"))

    def as_server(self):
        def check(what, call):
            self.matrix.check(PEER, "server", what, call)

        def resumed(suite, kind, *ours, theirs=()):
            said = self.exchange(suite, kind, "--resume", *ours, theirs=theirs, sessions=2)
            expect([one["resumed"] for one in said], ["no", "yes"], "taken up")

        for suite in PSK_SUITES + ECDHE_SUITES:
            kind = "psk" if suite in PSK_SUITES else "x509"
            check(row(suite, kind), lambda suite=suite, kind=kind: self.exchange(suite, kind, theirs=("-listen",)))

        def refused(suite, kind, *ours, because, name="server", ems=True):
            self.with_server(suite, lambda port, _: self.world.refused(
                port, kind, "--suite", suite, *ours, because=because), name=name, ems=ems)

        # OpenSSL drops records that do not open without a word, and the client finds out by itself.
        check(world_of.WRONG_KEY, lambda: refused(PSK, "psk", "--psk-key", OTHER_KEY, "--patience", "2",
                                                  because="did not come in time"))
        self.matrix.not_offered(PEER, "server", [world_of.UNKNOWN_IDENTITY], "s_server has one key for all identities")
        check(world_of.STRANGER, lambda: refused(X509, "x509", "--as", "stranger", because="alert"))
        check(world_of.STRANGER, lambda: refused(X509, "x509", name="stranger", because="."))
        check(world_of.NO_EMS, lambda: self.exchange(PSK, "psk", ems=False))
        check(world_of.NO_EMS, lambda: self.exchange(X509, "x509", ems=False))
        check(world_of.EMS_REQUIRED, lambda: self.exchange(PSK, "psk", "--require-extended-master-secret"))
        check(world_of.EMS_REQUIRED, lambda: refused(PSK, "psk", "--require-extended-master-secret", ems=False,
                                                     because="extended master secret"))
        for cbc, kind in ((PSK_CBC, "psk"), (ECDHE_SUITES[3], "x509")):
            check(world_of.ENCRYPT_FIRST, lambda cbc=cbc, kind=kind: expect(
                self.exchange(cbc, kind)[0]["etm"], "yes", "encrypt then MAC"))
            check(world_of.MAC_FIRST, lambda cbc=cbc, kind=kind: expect(
                self.exchange(cbc, kind, theirs=("-no_etm",))[0]["etm"], "no", "encrypt then MAC"))
        check(world_of.SECP256R1, lambda: self.group(world_of.SECP256R1, "P-256"))
        check(world_of.X25519, lambda: self.group(world_of.X25519, "X25519:P-256"))
        check(world_of.FRAGMENTS, lambda: self.exchange(
            X509, "x509", "--mtu", "256", "--provider", "rustcrypto", theirs=("-mtu", "256")))
        check(world_of.FRAGMENT_LENGTH, lambda: expect(
            self.exchange(X509, "x509", "--max-fragment-length", "512")[0]["max-plaintext"], "512", "longest data"))
        for suite, kind in ((PSK, "psk"), (X509, "x509")):
            check(world_of.RESUMPTION, lambda suite=suite, kind=kind: resumed(suite, kind, theirs=("-no_ticket",)))
            check(world_of.TICKET, lambda suite=suite, kind=kind: resumed(suite, kind, "--ticket"))
