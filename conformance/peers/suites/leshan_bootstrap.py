"""Our demo client at Leshan's bootstrap server, which sends it to Leshan's server."""

from .harness import Failed, Program, expect, expect_in, free_ports

AREA = "Leshan bootstrap server"
KEY = "00112233445566778899aabbccddeeff"
BOOTSTRAP_KEY = "ab" * 16
LIFETIME = 77


def run(table, java, bootstrap_java, demo_client):
    coap, coaps, bootstrap_coap, bootstrap_coaps = free_ports(4)
    server = Program("Leshan's server", [*java, "lwm2m.conformance.peers.ServerProgram", coap, coaps])
    bootstrap = Program("Leshan's bootstrap server",
                        [*bootstrap_java, "lwm2m.conformance.peers.BootstrapProgram", bootstrap_coap, bootstrap_coaps])
    try:
        server.wait("listening")
        bootstrap.wait("listening")
        suite = Suite(table, server, bootstrap, demo_client)
        plain, secure = f"coap://127.0.0.1:{bootstrap_coap}", f"coaps://127.0.0.1:{bootstrap_coaps}"
        servers = (f"coap://127.0.0.1:{coap}", f"coaps://127.0.0.1:{coaps}")
        # "-": what the device prefers, which it says in its request.
        for content_format in ("-", "TLV", "SENML_JSON", "SENML_CBOR"):
            name = "preferred format" if content_format == "-" else content_format
            suite.check(f"NoSec, {name}: bootstraps, registers, is read", lambda f=content_format: suite.bootstraps(
                f"boot-nosec-{f.strip('-')}", plain, servers[0], f))
        suite.check("PSK: bootstraps, registers over DTLS, is read", lambda: suite.bootstraps(
            "boot-psk", secure, servers[1], "-", secured=True))
        suite.check("version 1.0: bootstraps, registers, is read", lambda: suite.bootstraps(
            "boot-1.0", plain, servers[0], "-", version="1.0"))
        suite.check("nothing is configured: refused, the device says so", suite.unknown(plain))
        suite.check("wrong key: no session", suite.wrong_key(secure))
    finally:
        bootstrap.stop()
        server.stop()


class Suite:
    """Devices that have nothing but an account at the bootstrap server."""

    def __init__(self, table, server, bootstrap, demo_client):
        self.table = table
        self.server = server
        self.bootstrap = bootstrap
        self.demo_client = demo_client

    def check(self, name, call):
        self.table.check(AREA, name, call)

    def start(self, endpoint, uri, *more, key=None):
        command = [self.demo_client, "--endpoint", endpoint, "--bootstrap", uri, *more]
        environment = {}
        if key:
            command += ["--psk-identity", f"{endpoint}-bootstrap"]
            environment["LWM2M_PSK_KEY"] = key
        return Program("demo client", command, environment)

    def bootstraps(self, endpoint, uri, target, content_format, secured=False, version="1.1"):
        account = ["config", endpoint, content_format, target, str(LIFETIME)]
        if secured:
            expect(self.bootstrap.ask(f"psk\t{endpoint}\t{endpoint}-bootstrap\t{BOOTSTRAP_KEY}"), "ok")
            expect(self.server.ask(f"psk\t{endpoint}\t{endpoint}-identity\t{KEY}"), "ok")
            account += [f"{endpoint}-identity", KEY]
        expect(self.bootstrap.ask("\t".join(account)), "ok")
        since = self.bootstrap.mark()
        client = self.start(endpoint, uri, "--lwm2m", version, key=BOOTSTRAP_KEY if secured else None)
        try:
            self.bootstrap.wait(f"finished {endpoint}", since)
            steps = [line for line in self.bootstrap.lines[since:] if line.startswith((f"done {endpoint}",
                                                                                      f"not-done {endpoint}"))]
            refused = [step for step in steps if step.startswith("not-done")]
            # Version 1.0 has no bootstrap discover; Leshan goes on without.
            expect([step for step in refused if "Discover" not in step or version != "1.0"], [], "steps refused")
            client.wait("bootstrapped: servers [123]")
            self.server.wait(f"registered {endpoint}")
            answer = self.server.ask(f"registration\t{endpoint}")
            expect(answer.split(" ")[:2], [version, str(LIFETIME)], "version and lifetime")
            expect_in("/3/0/0=Example Devices", self.server.ask(f"read\t{endpoint}\t/3/0\t-"))
            # What was written is what is there; Leshan's default minimum period is one second.
            values = self.server.ask(f"read\t{endpoint}\t/1/0\t-")
            for value in ("/1/0/0=123", f"/1/0/1={LIFETIME}", "/1/0/2=1", "/1/0/6=true", "/1/0/7=U"):
                expect_in(value, values, "the server object")
        finally:
            client.stop()
            self.server.wait(f"unregistered {endpoint}")

    def unknown(self, uri):
        def call():
            client = self.start("boot-unknown", uri)
            try:
                expect_in("bootstrap failed", client.wait("bootstrap failed"))
            finally:
                client.stop()
        return call

    def wrong_key(self, uri):
        def call():
            endpoint = "boot-wrong"
            expect(self.bootstrap.ask(f"psk\t{endpoint}\t{endpoint}-bootstrap\t{BOOTSTRAP_KEY}"), "ok")
            since = self.bootstrap.mark()
            client = self.start(endpoint, uri, key="ff" * 16)
            try:
                # There is no alert where neither side can read the other: a while without a session is all there is.
                try:
                    line = self.bootstrap.wait(f"started {endpoint}", since, patience=4)
                except Failed:
                    return
                raise Failed(f"it says {line!r}")
            finally:
                client.process.kill()
                client.stop()
        return call
