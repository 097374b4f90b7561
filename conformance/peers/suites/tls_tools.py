"""DTLS of our server and client, judged by the command line tools of OpenSSL and GnuTLS.

The tools only know DTLS: the CoAP inside, a registration, is written here byte by byte.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

from . import pki, udp_proxy
from .harness import EvaluationServer, Failed, PATIENCE, Program, expect, expect_in, free_ports

OPENSSL, GNUTLS = "OpenSSL", "GnuTLS"
KEY = "00112233445566778899aabbccddeeff"
WRONG_KEY = "ff" * 16
# Every suite that our programs name, as each tool calls it.
PSK_SUITES = {
    "PSK_WITH_AES_128_CCM_8": ("PSK-AES128-CCM8", "+PSK:+AES-128-CCM-8"),
    "PSK_WITH_AES_128_CCM": ("PSK-AES128-CCM", "+PSK:+AES-128-CCM"),
    "PSK_WITH_AES_128_GCM_SHA256": ("PSK-AES128-GCM-SHA256", "+PSK:+AES-128-GCM"),
    "PSK_WITH_AES_128_CBC_SHA256": ("PSK-AES128-CBC-SHA256", "+PSK:+AES-128-CBC:+SHA256"),
}
X509_SUITES = {
    "ECDHE_ECDSA_WITH_AES_128_CCM_8": ("ECDHE-ECDSA-AES128-CCM8", "+ECDHE-ECDSA:+AES-128-CCM-8"),
    "ECDHE_ECDSA_WITH_AES_128_CCM": ("ECDHE-ECDSA-AES128-CCM", "+ECDHE-ECDSA:+AES-128-CCM"),
    "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": ("ECDHE-ECDSA-AES128-GCM-SHA256", "+ECDHE-ECDSA:+AES-128-GCM"),
    "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": ("ECDHE-ECDSA-AES128-SHA256", "+ECDHE-ECDSA:+AES-128-CBC:+SHA256"),
}
# What our server takes and our client does not offer.
NOT_OURS = ("PSK_WITH_AES_128_CBC_SHA256", "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256")
# How long a handshake that must fail is given to succeed, seconds.
REFUSAL = 3
# An IP packet that every link carries.
SMALL_MTU = 576


def run(table, server_binary, demo_client):
    if not pki.available():
        return table.skip("OpenSSL, GnuTLS", "all", "openssl is not installed")
    with tempfile.TemporaryDirectory(prefix="lwm2m-peers-") as directory:
        files = Files(directory)
        # With handshakes that pass an MTU of 576.
        server = EvaluationServer(server_binary, "--certificate", files.server[0], "--private-key", files.server[1],
                                  "--authorities", files.authority.certificate, "--max-handshake-datagram",
                                  SMALL_MTU - udp_proxy.HEADERS)
        try:
            for client in (OpenSslClient, GnuTlsClient):
                AtOurServer(table, server, files, client).all()
        finally:
            server.stop()
        for peer in (OpenSslServer, GnuTlsServer):
            OurClientAt(table, demo_client, files, peer).all()
    return None


class Files:
    """All certificates of the suite."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.authority = pki.Authority(directory)
        stranger = pki.Authority(directory, "stranger")
        self.stranger = stranger.certificate
        self.server = self.authority.issue("server", "server", "127.0.0.1")
        self.device = self.authority.issue("device", "tools-x509")
        self.expired_device = self.authority.issue("expired-device", "tools-x509", valid=pki.PAST)
        self.expired_server = self.authority.issue("expired-server", "server", "127.0.0.1", valid=pki.PAST)
        self.strange_device = stranger.issue("strange-device", "tools-x509")
        self.strange_server = stranger.issue("strange-server", "server", "127.0.0.1")
        self.misplaced_server = self.authority.issue("misplaced-server", "elsewhere", "127.0.0.2")
        self.passwords = self.directory / "passwords"
        self.passwords.write_text(f"tools-psk:{KEY}\n")


def registration(endpoint, message_id):
    """POST /rd, confirmable, with a token of two bytes."""
    def option(delta, value):
        extended = bytes([delta << 4 | 13, len(value) - 13]) if len(value) > 12 else bytes([delta << 4 | len(value)])
        return extended + value
    return (b"\x42\x02" + message_id + b"to" + option(11, b"rd") + option(1, b"\x28")
            + option(3, b"ep=" + endpoint.encode()) + option(0, b"lt=60") + option(0, b"lwm2m=1.1")
            + b"\xff</3/0>")


class Tool:
    """A program that sends its standard input in records, and prints what it receives among what it says."""

    def __init__(self, *command):
        # Buffered by line, what it says of a session would come too late to wait for.
        unbuffered = ["stdbuf", "-o0"] if shutil.which("stdbuf") else []
        self.process = subprocess.Popen([*unbuffered, *map(str, command)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = b""
        self.ended = False
        self.news = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        while chunk := os.read(self.process.stdout.fileno(), 4096):
            with self.news:
                self.output += chunk
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def wait(self, pattern, patience=PATIENCE):
        """The match of a pattern in what it has said."""
        deadline = time.monotonic() + patience
        with self.news:
            while not (found := re.search(pattern, self.output, re.DOTALL)):
                rest = deadline - time.monotonic()
                if rest <= 0 or self.ended:
                    raise Failed(f"no {pattern!r}; it said {self.output[-300:]!r}")
                self.news.wait(rest)
        return found

    def say(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def stop(self):
        self.process.kill()
        self.process.wait()


class OpenSslClient:
    NAME = OPENSSL
    MISSING = None if shutil.which("openssl") else "openssl is not installed"

    @staticmethod
    def start(port, suite, psk=None, certificate=None, authority=None, mtu=None):
        command = ["openssl", "s_client", "-dtls1_2", "-quiet", "-connect", f"127.0.0.1:{port}"]
        if suite:
            command += ["-cipher", f"{suite[0]}:@SECLEVEL=0"]
        if psk:
            command += ["-psk_identity", psk[0], "-psk", psk[1]]
        if certificate:
            command += ["-cert", certificate[0], "-key", certificate[1]]
        if authority:
            command += ["-CAfile", authority, "-verify_return_error"]
        # Without asking the system, which knows better on the loopback interface.
        command += ["-mtu", str(mtu)] if mtu else []
        return Tool(*command)


class GnuTlsClient:
    NAME = GNUTLS
    MISSING = None if shutil.which("gnutls-cli") else "gnutls-cli is not installed"

    @staticmethod
    def start(port, suite, psk=None, certificate=None, authority=None, mtu=None):
        suite = suite or next(iter(X509_SUITES.values()))
        command = ["gnutls-cli", "--udp", "--disable-sni", "--priority", gnutls_priority(suite[1])]
        if psk:
            command += ["--pskusername", psk[0], "--pskkey", psk[1]]
        if certificate:
            command += ["--x509certfile", certificate[0], "--x509keyfile", certificate[1]]
        command += ["--x509cafile", authority] if authority else []
        command += ["--mtu", str(mtu)] if mtu else []
        return Tool(*command, "--port", str(port), "127.0.0.1")


def gnutls_priority(suite):
    return f"NONE:+VERS-DTLS1.2:{suite}:+AEAD:+COMP-NULL:+SIGN-ECDSA-SHA256:+CURVE-SECP256R1:+GROUP-SECP256R1"


class AtOurServer:
    """A tool as the client of our server."""

    def __init__(self, table, server, files, client):
        self.table = table
        self.server = server
        self.files = files
        self.client = client
        self.area = f"{client.NAME} at our server"
        self.count = 0

    def all(self):
        if self.client.MISSING:
            return self.table.skip(self.area, "all", self.client.MISSING)
        self.server.call("PUT", "/api/security/tools-psk", {"credentials": [
            {"role": "server", "type": "psk", "identity": "tools-psk", "key": KEY}]})
        self.server.call("PUT", "/api/security/tools-x509", {"credentials": [
            {"role": "server", "type": "certificate"}]})
        for name, suite in PSK_SUITES.items():
            self.check(name, lambda s=suite: self.registers(self.psk(s), "psk"))
        for name, suite in X509_SUITES.items():
            self.check(name, lambda s=suite: self.registers(self.x509(s), "certificate"))
        psk, x509 = PSK_SUITES["PSK_WITH_AES_128_CCM_8"], X509_SUITES["ECDHE_ECDSA_WITH_AES_128_CCM_8"]
        for name, tool in (
            ("wrong key", lambda: self.psk(psk, key=WRONG_KEY)),
            ("unknown identity", lambda: self.psk(psk, identity="nobody")),
            ("certificate of another authority", lambda: self.x509(x509, self.files.strange_device)),
            ("expired certificate", lambda: self.x509(x509, self.files.expired_device)),
            ("no certificate", lambda: self.x509(x509, ())),
        ):
            self.check(f"{name}: refused, and others are served on", lambda t=tool: self.is_refused(t, psk))
        self.check("a suite of RSA: refused, and others are served on", lambda: self.is_refused(
            lambda: self.start(("ECDHE-RSA-AES128-GCM-SHA256", "+ECDHE-RSA:+AES-128-GCM"),
                               authority=self.files.authority.certificate), psk))
        for kind, suite, start in (("PSK", psk, self.psk), ("certificates", x509, self.x509)):
            security = "psk" if kind == "PSK" else "certificate"
            for name, fate, patience in (
                ("MTU 576", udp_proxy.mtu(SMALL_MTU), PATIENCE),
                ("flights reordered", udp_proxy.reordered, PATIENCE),
                ("every datagram twice", udp_proxy.duplicated, PATIENCE),
                # Each loss costs a repetition, each later than the one before.
                ("two datagrams of each side lost", udp_proxy.lossy, 2 * PATIENCE),
            ):
                self.check(f"{kind}, {name}", lambda s=suite, go=start, kind=security, f=fate, p=patience:
                           self.through(f, lambda port: self.registers(go(s, port=port, mtu=480), kind, p)))
        self.check("certificates, their messages in fragments of 256 bytes", lambda: self.registers(
            self.x509(x509, mtu=256 + 60), "certificate"))

    def check(self, name, call):
        self.table.check(self.area, name, call)

    def start(self, suite, port=None, **arguments):
        return self.client.start(port or self.server.coaps, suite, **arguments)

    def psk(self, suite, identity="tools-psk", key=KEY, **arguments):
        return self.start(suite, psk=(identity, key), **arguments)

    def x509(self, suite, certificate=None, **arguments):
        certificate = self.files.device if certificate is None else certificate
        return self.start(suite, certificate=certificate, authority=self.files.authority.certificate, **arguments)

    def through(self, fate, call):
        proxy = udp_proxy.Proxy(self.server.coaps, fate)
        try:
            call(proxy.port)
        finally:
            proxy.close()

    def registers(self, tool, security, patience=PATIENCE):
        """The handshake stands when CoAP gets an answer through it."""
        endpoint = "tools-psk" if security == "psk" else "tools-x509"
        self.count += 1
        message_id = self.count.to_bytes(2)
        events = self.server.event_mark()
        try:
            tool.say(registration(endpoint, message_id))
            tool.wait(b"\x62\x41" + re.escape(message_id) + b"to", patience)
        finally:
            tool.stop()
        expect(self.server.event("registered", endpoint, events)["security"], security)

    def is_refused(self, start, psk):
        events = self.server.event_mark()
        tool = start()
        try:
            tool.say(registration("tools-x509", b"no"))
            try:
                answer = tool.wait(rb"\x62.noto", REFUSAL)
            except (Failed, BrokenPipeError):
                answer = None
            if answer:
                raise Failed(f"it was answered {answer[0]!r}")
        except BrokenPipeError:
            pass  # refused before it could speak
        finally:
            tool.stop()
        with self.server.event_news:
            seen = [event["kind"] for event in self.server.events[events:] if event["kind"] == "registered"]
        expect(seen, [], "registrations")
        self.registers(self.psk(psk), "psk")


class OpenSslServer:
    NAME = OPENSSL
    MISSING = OpenSslClient.MISSING
    ANSWERS = True
    # A registration as it prints it: kind, message id, token.
    REQUEST = rb"([\x40-\x48])\x02(..)(.{0,8}?)\xb2rd"

    @staticmethod
    def start(port, suite, psk=None, certificate=None, authority=None, passwords=None, mtu=None):
        command = ["openssl", "s_server", "-dtls1_2", "-accept", f"127.0.0.1:{port}"]
        command += ["-cipher", f"{suite[0]}:@SECLEVEL=0"]
        command += ["-psk_identity", psk[0], "-psk", psk[1]] if psk else []
        if certificate:
            command += ["-cert", certificate[0], "-key", certificate[1], "-CAfile", authority, "-Verify", "1"]
        else:
            command += ["-nocert"]
        command += ["-mtu", str(mtu)] if mtu else []
        tool = Tool(*command)
        tool.wait(b"ACCEPT")
        return tool


class GnuTlsServer:
    """It listens on every address of the machine: it cannot be told otherwise."""
    NAME = GNUTLS
    MISSING = None if shutil.which("gnutls-serv") else "gnutls-serv is not installed"
    # All it does with what it receives is to send it back.
    ANSWERS = False
    # It prints what it receives up to the first zero byte.
    REQUEST = rb"received\[[0-9a-f]+\]: [\x40-\x48]\x02"

    @staticmethod
    def start(port, suite, psk=None, certificate=None, authority=None, passwords=None, mtu=None):
        command = ["gnutls-serv", "--udp", "--echo", "--port", str(port), "--priority", gnutls_priority(suite[1])]
        if psk:
            passwords.write_text(f"{psk[0]}:{psk[1]}\n")
            command += ["--pskpasswd", passwords]
        if certificate:
            command += ["--x509certfile", certificate[0], "--x509keyfile", certificate[1], "--x509cafile", authority,
                        "--require-client-cert"]
        command += ["--mtu", str(mtu)] if mtu else []
        tool = Tool(*command)
        tool.wait(b"listening")
        return tool


class OurClientAt:
    """Our demo client at a tool that plays a server."""

    def __init__(self, table, demo_client, files, peer):
        self.table = table
        self.demo_client = demo_client
        self.files = files
        self.peer = peer
        self.area = f"our client at {peer.NAME}"

    def all(self):
        if self.peer.MISSING:
            return self.table.skip(self.area, "all", self.peer.MISSING)
        for name, suite in PSK_SUITES.items():
            if name not in NOT_OURS:
                self.check(name, lambda s=suite: self.registers(s, psk=True))
        for name, suite in X509_SUITES.items():
            if name not in NOT_OURS:
                self.check(name, lambda s=suite: self.registers(s))
        for name in NOT_OURS:
            is_psk = name in PSK_SUITES
            suite = {**PSK_SUITES, **X509_SUITES}[name]
            self.check(f"{name} alone: stays out", lambda s=suite, p=is_psk: self.does_not_register(s, psk=p))
        psk, x509 = PSK_SUITES["PSK_WITH_AES_128_CCM_8"], X509_SUITES["ECDHE_ECDSA_WITH_AES_128_CCM_8"]
        self.check("wrong key: stays out", lambda: self.does_not_register(psk, psk=True, key=WRONG_KEY))
        for name, certificate in (("certificate of another authority", self.files.strange_server),
                                  ("expired certificate", self.files.expired_server),
                                  ("certificate of another address", self.files.misplaced_server)):
            self.check(f"{name}: stays out", lambda c=certificate: self.stays_out(x509, certificate=c))
        for kind, suite, is_psk in (("PSK", psk, True), ("certificates", x509, False)):
            for name, fate in (("MTU 576", udp_proxy.mtu(SMALL_MTU)), ("flights reordered", udp_proxy.reordered),
                               ("every datagram twice", udp_proxy.duplicated),
                               ("two datagrams of each side lost", udp_proxy.lossy)):
                self.check(f"{kind}, {name}", lambda s=suite, p=is_psk, f=fate:
                           self.registers(s, psk=p, fate=f, mtu=480))
        self.check("certificates, their messages in fragments of 256 bytes", lambda: self.registers(
            x509, mtu=256 + 60))

    def check(self, name, call):
        self.table.check(self.area, name, call)

    def start(self, suite, psk=False, key=KEY, certificate=None, fate=None, mtu=None):
        """A server, what lies between, and our client."""
        port, = free_ports(1)
        if psk:
            server = self.peer.start(port, suite, psk=("tools-psk", key), passwords=self.files.passwords, mtu=mtu)
        else:
            server = self.peer.start(port, suite, certificate=certificate or self.files.server,
                                     authority=self.files.authority.certificate, mtu=mtu)
        proxy = udp_proxy.Proxy(port, fate) if fate else None
        where = proxy.port if proxy else port
        command = [self.demo_client, "--endpoint", "tools-psk" if psk else "tools-x509",
                   "--server", f"coaps://127.0.0.1:{where}"]
        environment = {}
        if psk:
            command += ["--psk-identity", "tools-psk"]
            environment["LWM2M_PSK_KEY"] = KEY
        else:
            command += ["--certificate", self.files.device[0], "--private-key", self.files.device[1],
                        "--server-certificate", self.files.authority.certificate, "--certificate-usage", "2"]
        if mtu:
            command += ["--max-handshake-datagram", str(SMALL_MTU - udp_proxy.HEADERS)]
        return server, proxy, Program("demo client", command, environment)

    def registers(self, suite, **how):
        server, proxy, client = self.start(suite, **how)
        try:
            request = server.wait(self.peer.REQUEST, 2 * PATIENCE)
            if self.peer.ANSWERS:
                kind, message_id, token = request.groups()
                server.say(bytes([0x20 | kind[0], 0x41]) + message_id + token + b"\x82rd\x011")
                client.wait("registered with server 1")
        finally:
            stop(server, proxy, client)

    def does_not_register(self, suite, **how):
        """Nothing is said that our client could believe, so that it goes on trying: a while of silence is seen."""
        server, proxy, client = self.start(suite, **how)
        try:
            server.wait(self.peer.REQUEST, REFUSAL)
        except Failed:
            expect([line for line in client.lines if line.startswith("registered")], [], "registrations")
        else:
            raise Failed("it has sent its registration")
        finally:
            stop(server, proxy, client)

    def stays_out(self, suite, **how):
        server, proxy, client = self.start(suite, **how)
        try:
            line = client.wait("registration with server 1 failed", patience=2 * PATIENCE)
            expect_in("no connection", line)
            if re.search(self.peer.REQUEST, server.output, re.DOTALL):
                raise Failed("it has sent its registration")
        finally:
            stop(server, proxy, client)


def stop(server, proxy, client):
    # At once: there is nobody who could answer a good-bye.
    client.process.kill()
    client.process.wait()
    if proxy:
        proxy.close()
    server.stop()
