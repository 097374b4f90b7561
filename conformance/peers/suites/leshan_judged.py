"""Leshan's client and servers, judged by `lwm2m-conformance`.

What Leshan does not do as the cases have it is listed here, with the reason. Exactly that must fail: a case that fails
beyond that is a mistake, of the judge as a rule, and one that no longer fails is to be taken from the list.
"""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import tempfile

from . import pki
from .harness import Failed, Program, expect, expect_in, free_ports, scratch_file
from .leshan_orders import TRIGGER, Orders

KEY = "00112233445566778899aabbccddeeff"
BOOTSTRAP_KEY = "ab" * 16
LIFETIME = 86400
# How long the judge may take for all cases of a run, seconds; a passing run never takes it.
PATIENCE = 400
# How long `ServerProgram` takes a device with queue mode for awake, rounded up to seconds.
AWAKE = 2
# Groups of runs at a time: a Java program costs a core while it starts, and the judge waits 20 s for it.
AT_ONCE = 2

# The cases of a client that a device with everything can be asked for. 651 is the last: see what it leaves behind. 105
# is followed by reads: Leshan loses a change of the lifetime that is written as soon as a registration is answered.
CLIENT_CASES = (101, 102, 104, 107, 105, 201, 203, 205, 211, 212, 215, 221, 222, 223, 224, 225, 226, 227, 228, 230, 231,
                232, 233, 234, 235, 236, 237, 241, 256, 257, 260, 261, 280, 281, 301, 302, 303, 304, 305, 306, 307, 308,
                309, 310, 311, 652, 680, 685, 701, 710, 751, 755, 760, 772, 770, 801, 810, 1630, 1635, 651)
# What waits for what will not come is not tried twice.
PATIENT = (301, 302, 303, 304, 308, 309, 310, 710, 810)
NO_NEWS = "what it notifies after pmax has the Observe number of the value before: it counts as old (RFC 7641, 4.4)"
ALONE = "notification attributes and new instances have no effect on its composite observations"
INHERITED = "its discover of a resource shows no inherited attributes"
OVERLAP = "it refuses paths that lie within each other in a composite operation"
CLIENT_DIFFERS = {
    221: ("4.04 Not Found, not 4.01", "it answers 4.04 to whoever touches the security object"),
    236: ("overlapped paths", OVERLAP),
    260: ("pmin=10;pmax=200", INHERITED),
    261: ("pmin=10;pmax=320", INHERITED),
    301: ("not newer", NO_NEWS),
    302: ("not newer", NO_NEWS),
    303: ("not newer", NO_NEWS),
    304: ("0 notifications", ALONE),
    308: ("no notification has instances", ALONE),
    309: ("no notification has instances", ALONE),
    310: ("0 notifications", ALONE),
    651: ("/3/0/16 is missing", "a replace of an instance takes also the resources that cannot be written"),
    680: ("4.00 Bad Request", "it answers 4.00 to a second instance of an object with one"),
    710: ("not newer", NO_NEWS),
    810: ("not newer", NO_NEWS),
}
CLIENT_NOT_OFFERED = {103: "Disable"}

SERVER_CASES = (101, 102, 103, 104, 105, 107, 108, 201, 203, 205, 211, 212, 215, 222, 223, 224, 225, 226, 227, 228, 230,
                231, 232, 233, 234, 235, 236, 237, 241, 257, 260, 261, 280, 301, 302, 303, 304, 305, 306, 307, 308, 309,
                310, 311, 651, 652, 751, 755, 760, 770, 1250, 1350, 1630, 1635)
SERVER_DIFFERS = {236: ("overlapped paths", OVERLAP)}
# Of version 1.0, and what is the same in it.
OLD_SERVER_CASES = (101, 102, 103, 105, 203, 204, 205, 215, 220, 223, 301, 303)


class Credentials:
    """What a run proves itself with: options of the judge, environment, and arguments of Leshan's device."""

    def __init__(self, scheme="coap", options=(), environment=None, device=()):
        self.scheme = scheme
        self.options = list(options)
        self.environment = environment or {}
        self.device = list(device)


def key(identity):
    return Credentials("coaps", ["--identity", identity], {"LWM2M_PSK_KEY": KEY}, [identity, KEY])


class Rehearsal:
    """A run of the judge, and what is known of its cases."""

    def __init__(self, area, cases, differs=None, not_offered=None):
        self.area = area
        self.cases = cases
        self.differs = {case: known for case, known in (differs or {}).items() if case in cases}
        self.not_offered = not_offered or {}
        self.said = {}
        self.broken = None

    def take(self, judge):
        """Reads what the judge has said, once it has ended."""
        judge.finish(PATIENCE)
        case = None
        for line in judge.lines:
            if found := re.match(r"(pass|FAIL|n/a )  int-(\d+) +(.*)", line):
                case = int(found[2])
                self.said[case] = [found[1].strip(), found[3]]
            elif line.startswith(" " * 10) and case and self.said[case][0] == "FAIL":
                self.said[case].append(line.strip())
        if set(self.said) != set(self.cases):
            self.broken = " | ".join(judge.lines[-4:])

    def report(self, table):
        for case in self.cases:
            known = self.differs.get(case) or (None, self.not_offered.get(case))
            name = f"int-{case}" + (f": {known[1]}" if known[1] else "")
            table.check(self.area, name, lambda c=case: self.is_as_known(c))

    def is_as_known(self, case):
        if case not in self.said:
            raise Failed(f"the judge said nothing of it, and at last: {self.broken}")
        verdict, why, *exchange = self.said[case]
        expected = "FAIL" if case in self.differs else "n/a" if case in self.not_offered else "pass"
        if verdict != expected:
            raise Failed("\n         ".join([f"expected {expected}, got {verdict}: {why}", *exchange]))
        if case in self.differs:
            expect_in(self.differs[case][0], why, "reason")
        if case in self.not_offered:
            expect_in(self.not_offered[case], why, "reason")


class Peers:
    """The programs of the suite."""

    def __init__(self, judge, java, bootstrap_java, folder):
        self.judge = judge
        self.java = java
        self.bootstrap_java = bootstrap_java
        self.folder = pathlib.Path(folder)

    def start_judge(self, side, cases, *options, environment=None):
        return Program("the judge", [self.judge, side, "--quick", "--cases", ",".join(map(str, cases)), *options],
                       environment)

    def client(self, rehearsal, credentials, endpoint, how="server", more=(), device_options=()):
        """Judges Leshan's client."""
        port, bootstrap_port = free_ports(2)
        uri = f"{credentials.scheme}://127.0.0.1:"
        options = ["--listen", f"{uri}{port}", "--endpoint", endpoint, *credentials.options, *more]
        if how == "bootstrap":
            options += ["--bootstrap-listen", f"{uri}{bootstrap_port}"]
            port = bootstrap_port
        judge = self.start_judge("client", rehearsal.cases, *options, environment=credentials.environment)
        try:
            judge.wait("listening on")
            device = Program("Leshan's device", [*self.java, "lwm2m.conformance.peers.JudgedProgram", endpoint, how,
                                                 f"{uri}{port}", *credentials.device, *device_options])
            try:
                rehearsal.take(judge)
            finally:
                device.stop()
        finally:
            judge.stop()

    @contextlib.contextmanager
    def server(self, *certificates):
        """Leshan's server: its ports, its program, and who gives it orders."""
        coap, coaps = free_ports(2)
        server = Program("Leshan's server", [*self.java, "lwm2m.conformance.peers.ServerProgram", coap, coaps,
                                             *certificates])
        try:
            server.wait("listening")
            orders = Orders(server)
            try:
                yield {"coap": coap, "coaps": coaps}, server, orders
            finally:
                orders.stop()
        finally:
            server.stop()

    def at_server(self, rehearsal, credentials, endpoint, ports, orders, *more):
        """Judges Leshan's server."""
        judge = self.start_judge(
            "server", rehearsal.cases, "--uri", f"{credentials.scheme}://127.0.0.1:{ports[credentials.scheme]}",
            "--endpoint", endpoint, "--trigger", TRIGGER, "--awake", str(AWAKE), *credentials.options, *more,
            environment={**credentials.environment, **orders.environment()})
        try:
            rehearsal.take(judge)
        finally:
            judge.stop()


def clients(peers):
    """The runs in which Leshan's client is judged."""
    image = scratch_file(b"image" * 1000)
    nosec = Rehearsal("judged: Leshan client, NoSec", (*CLIENT_CASES, 103), CLIENT_DIFFERS, CLIENT_NOT_OFFERED)
    quick = [case for case in CLIENT_CASES if case not in PATIENT]
    psk = Rehearsal("judged: Leshan client, PSK", (401, *quick), CLIENT_DIFFERS)
    queue = Rehearsal("judged: Leshan client, queue", (101, 108))
    boot = Rehearsal("judged: Leshan client, boot", (0, 4, 8), not_offered={8: "access control"})
    # 5 is in neither: Leshan may close its socket before the answer to the trigger has left, and may not.
    secure_boot = Rehearsal("judged: Leshan client, boot PSK", (1,))
    try:
        with side_by_side() as start:
            start(nosec, peers.client, Credentials(), "judged-nosec", more=["--firmware", image])
            start(psk, peers.client, key("judged-psk"), "judged-psk", more=["--firmware", image])
            start(queue, peers.client, Credentials(), "judged-queue", device_options=["queue"])
            start(boot, peers.client, Credentials(), "judged-boot", how="bootstrap")
            start(secure_boot, peers.client, key("judged-boots"), "judged-boots", how="bootstrap")
            return [nosec, psk, queue, boot, secure_boot]
    finally:
        os.unlink(image)


def servers(peers):
    """The runs in which Leshan's server is judged, all at one server."""
    nosec = Rehearsal("judged: Leshan server, NoSec", SERVER_CASES, SERVER_DIFFERS)
    psk = Rehearsal("judged: Leshan server, PSK", (401, *SERVER_CASES), SERVER_DIFFERS)
    old = Rehearsal("judged: Leshan server, 1.0", OLD_SERVER_CASES)
    with peers.server() as (ports, server, orders):
        expect(server.ask(f"psk\tjudge-psk\tjudge-psk\t{KEY}"), "ok")
        with side_by_side() as start:
            start(nosec, peers.at_server, Credentials(), "judge-nosec", ports, orders)
            start(psk, peers.at_server, key("judge-psk"), "judge-psk", ports, orders)
            start(old, peers.at_server, Credentials(), "judge-old", ports, orders, "--lwm2m", "1.0")
            return [nosec, psk, old]


def bootstrap_servers(peers):
    """The runs in which Leshan's bootstrap server is judged; what it gives is used at its server."""
    plain = Rehearsal("judged: Leshan bootstrap, NoSec", (0, 7))
    secure = Rehearsal("judged: Leshan bootstrap, PSK", (0, 1, 7))
    bootstrap_coap, bootstrap_coaps = free_ports(2)
    bootstrap = Program("Leshan's bootstrap server", [
        *peers.bootstrap_java, "lwm2m.conformance.peers.BootstrapProgram", bootstrap_coap, bootstrap_coaps])
    try:
        with peers.server() as (ports, server, orders):
            bootstrap.wait("listening")
            config = f"config\tjudge-boot\t-\tcoap://127.0.0.1:{ports['coap']}\t{LIFETIME}"
            expect(bootstrap.ask(config), "ok")
            expect(bootstrap.ask(f"psk\tjudge-boots\tjudge-boots-bs\t{BOOTSTRAP_KEY}"), "ok")
            expect(server.ask(f"psk\tjudge-boots\tjudge-boots\t{KEY}"), "ok")
            config = f"config\tjudge-boots\t-\tcoaps://127.0.0.1:{ports['coaps']}\t{LIFETIME}\tjudge-boots\t{KEY}"
            expect(bootstrap.ask(config), "ok")
            credentials = key("judge-boots")
            credentials.options += ["--bootstrap-identity", "judge-boots-bs"]
            credentials.environment["LWM2M_BOOTSTRAP_PSK_KEY"] = BOOTSTRAP_KEY
            with side_by_side() as start:
                start(plain, peers.at_server, Credentials(), "judge-boot", ports, orders,
                      "--bootstrap-uri", f"coap://127.0.0.1:{bootstrap_coap}")
                start(secure, peers.at_server, credentials, "judge-boots", ports, orders,
                      "--bootstrap-uri", f"coaps://127.0.0.1:{bootstrap_coaps}")
                return [plain, secure]
    finally:
        bootstrap.stop()


def certificates(peers):
    """Both roles with certificates."""
    authority = pki.Authority(peers.folder)
    trust = peers.folder / "trust.der"
    pki.openssl("x509", "-in", authority.certificate, "-outform", "DER", "-out", trust)

    def issue(name, *address):
        """PEM for Leshan, and the options of the judge."""
        certificate, private_key = authority.issue(name, name, *address)
        der, key_der = certificate.with_suffix(".der"), certificate.with_suffix(".p8")
        pki.openssl("x509", "-in", certificate, "-outform", "DER", "-out", der)
        pki.openssl("pkcs8", "-topk8", "-nocrypt", "-in", private_key, "-outform", "DER", "-out", key_der)
        return (certificate, private_key), ["--certificate", der, "--private-key", key_der, "--trust", trust]

    device, as_device = issue("judged-x509")
    server, as_server = issue("server", "127.0.0.1")
    client = Rehearsal("judged: Leshan client, X.509", (402, 101, 203))
    at_server = Rehearsal("judged: Leshan server, X.509", (402, 101, 203))
    with peers.server(*server, authority.certificate) as (ports, program, orders):
        expect(program.ask("x509\tjudged-x509"), "ok")
        with side_by_side() as start:
            start(client, peers.client, Credentials("coaps", as_server, device=[*device, server[0]]), "judged-x509")
            start(at_server, peers.at_server, Credentials("coaps", as_device), "judged-x509", ports, orders)
            return [client, at_server]


@contextlib.contextmanager
def side_by_side():
    """Runs begin at once: most of their time they wait."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = []

        def start(rehearsal, work, *arguments, **more):
            runs.append(pool.submit(tried, rehearsal, work, arguments, more))
        yield start
        concurrent.futures.wait(runs)


def tried(rehearsal, work, arguments, more):
    try:
        work(rehearsal, *arguments, **more)
    except Exception as error:  # noqa: BLE001 - each of its cases says so
        rehearsal.broken = f"{type(error).__name__}: {error}"


def run(table, judge, java, bootstrap_java):
    with tempfile.TemporaryDirectory(prefix="lwm2m-peers-") as folder:
        peers = Peers(judge, java, bootstrap_java, folder)
        groups = [clients, servers, bootstrap_servers]
        if pki.available():
            groups.append(certificates)
        else:
            table.skip("judged: Leshan, X.509", "all", "openssl, which makes the certificates, is not installed")
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for rehearsals in pool.map(lambda group: group(peers), groups):
                for rehearsal in rehearsals:
                    rehearsal.report(table)
