"""Leshan and our programs with certificates: its device at our server, our client at its server."""

import tempfile

from . import pki
from .harness import EvaluationServer, Failed, PATIENCE, Program, expect, expect_in, free_ports

AREA = "Leshan, X.509"


def run(table, java, server_binary, demo_client):
    if not pki.available():
        return table.skip(AREA, "all", "openssl, which makes the certificates, is not installed")
    with tempfile.TemporaryDirectory(prefix="lwm2m-peers-") as directory:
        authority = pki.Authority(directory)
        stranger = pki.Authority(directory, "stranger")
        files = {
            "server": authority.issue("server", "server", "127.0.0.1"),
            "device": authority.issue("device", "x509-device"),
            "expired": authority.issue("expired", "x509-device", valid=pki.PAST),
            "strange device": stranger.issue("strange-device", "x509-device"),
            "strange server": stranger.issue("strange-server", "server", "127.0.0.1"),
        }
        device_at_our_server(table, java, server_binary, authority, files)
        our_client_at_its_server(table, java, demo_client, authority, files)
    return None


def device_at_our_server(table, java, server_binary, authority, files):
    certificate, key = files["server"]
    server = EvaluationServer(server_binary, "--certificate", certificate, "--private-key", key,
                              "--authorities", authority.certificate)
    server.call("PUT", "/api/security/x509-device", {"credentials": [{"role": "server", "type": "certificate"}]})

    def start(endpoint, who):
        return Program("Leshan's device", [*java, "lwm2m.conformance.peers.DeviceProgram", endpoint, "server",
                                           f"coaps://127.0.0.1:{server.coaps}", *files[who], certificate])

    def registers():
        program = start("x509-device", "device")
        try:
            program.wait("registered ")
            expect(server.event("registered", "x509-device")["security"], "certificate")
            device = server.device("x509-device")
            expect(device.read("/3/0/0"), {"/3/0/0": "Conformance"})
            device.write("/3303/0/5750", "by certificate")
            expect(device.read("/3303/0/5750"), {"/3303/0/5750": "by certificate"})
            program.say("stop")
            server.event("deregistered", "x509-device")
        finally:
            program.stop()

    def stays_out(endpoint, who):
        events = server.event_mark()
        program = start(endpoint, who)
        try:
            program.wait("registration-", patience=2 * PATIENCE)
            with server.event_news:
                kinds = [event["kind"] for event in server.events[events:]]
            if "registered" in kinds:
                raise Failed("it has registered")
        finally:
            program.stop()
    try:
        table.check(AREA, "device at our server: registers, is read and written, leaves", registers)
        table.check(AREA, "device under a name that is not its certificate's: refused",
                    lambda: stays_out("x509-other", "device"))
        table.check(AREA, "device with a certificate of another authority: refused",
                    lambda: stays_out("x509-device", "strange device"))
        table.check(AREA, "device with an expired certificate: refused", lambda: stays_out("x509-device", "expired"))
    finally:
        server.stop()


def our_client_at_its_server(table, java, demo_client, authority, files):
    coap, coaps = free_ports(2)
    server = Program("Leshan's server", [*java, "lwm2m.conformance.peers.ServerProgram", coap, coaps,
                                         *files["server"], authority.certificate])

    def start(who, known, usage):
        certificate, key = files[who]
        return Program("demo client", [
            demo_client, "--endpoint", "x509-device", "--lwm2m", "1.1", "--server", f"coaps://127.0.0.1:{coaps}",
            "--certificate", certificate, "--private-key", key, "--server-certificate", known,
            "--certificate-usage", usage, "--authorities", authority.certificate])

    def registers(known, usage):
        since = server.mark()
        client = start("device", known, usage)
        try:
            server.wait("registered x509-device", since)
            expect_in("/3/0/0=Example Devices", server.ask("read\tx509-device\t/3/0\t-"))
        finally:
            client.stop()
        server.wait("unregistered x509-device", since)

    def stays_out(who, known, usage):
        since = server.mark()
        client = start(who, known, usage)
        try:
            client.wait("registration with server 1 failed", patience=2 * PATIENCE)
            registered = [line for line in server.lines[since:] if line.startswith("registered")]
            expect(registered, [], "registrations")
        finally:
            client.process.kill()
            client.stop()
    try:
        server.wait("listening")
        expect(server.ask("x509\tx509-device"), "ok")
        own, anchor = files["server"][0], authority.certificate
        for usage, known, what in (("0", anchor, "the authority"), ("1", own, "the server's certificate"),
                                   ("2", anchor, "the trust anchor"), ("3", own, "the server's certificate alone")):
            table.check(AREA, f"our client knows {what} (usage {usage})",
                        lambda k=known, u=usage: registers(k, u))
        table.check(AREA, "our client, another server's certificate known: stays out",
                    lambda: stays_out("device", files["strange server"][0], "3"))
        table.check(AREA, "our client with a certificate of another authority: refused",
                    lambda: stays_out("strange device", own, "3"))
        table.check(AREA, "our client with an expired certificate: refused",
                    lambda: stays_out("expired", own, "3"))
    finally:
        server.stop()
