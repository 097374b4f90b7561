#!/usr/bin/env python3
"""mbedTLS, through python-mbedtls, as a peer of our DTLS engine: an echo server, and a client that waits for its echo.

    peer.py serve FOLDER SUITE KIND [NAME=VALUE...]
    peer.py connect PORT FOLDER SUITE KIND [NAME=VALUE...]

SUITE is a name of mbedTLS, KIND is psk or x509. Names: name (whose files are ours), key, identity, mtu, fragment (512).

Speaks the lines that all peer programs speak: `listening PORT`, `agreed SUITE`, `data TEXT`, `echo TEXT`, `failed WHY`.
"""

import contextlib
import pathlib
import socket
import sys

from mbedtls import pk, tls, x509

# How long anything may take, seconds.
PATIENCE = 20
# Time to the first repetition of a flight, seconds.
REPEAT = 1
LONGEST = 1 << 14


def say(*words):
    print(*words, flush=True)


def configuration(folder, suite, kind, values, server):
    settings = {
        "ciphers": (suite,), "lowest_supported_version": tls.DTLSVersion.DTLSv1_2, "validate_certificates": kind == "x509",
        "highest_supported_version": tls.DTLSVersion.DTLSv1_2}
    if "fragment" in values:
        settings["max_fragmentation_length"] = {"512": tls.MaxFragmentLength.MFL_512K}[values["fragment"]]
    if kind == "psk":
        identity, key = values["identity"], bytes.fromhex(values["key"])
        if server:
            settings["pre_shared_key_store"] = {identity: key}
        else:
            settings["pre_shared_key"] = (identity, key)
    else:
        name = values.get("name", "server" if server else "client")
        # What a file of our credentials holds beyond one certificate is not read.
        chain = [x509.CRT.from_file(folder / f"{name}.der")]
        if name != "stranger":
            chain.append(x509.CRT.from_file(folder / "intermediate.der"))
        key = pk.ECC.from_buffer((folder / f"{name}.pk8").read_bytes())
        settings["certificate_chain"] = (tuple(chain), key)
        trust = tls.TrustStore()
        trust.add(x509.CRT.from_file(folder / "authority.der"))
        settings["trust_store"] = trust
    return tls.DTLSConfiguration(**settings)


class Session:
    """A session over a socket; every datagram is handed in by itself."""

    def __init__(self, buffer, wire, peer):
        self.buffer = buffer
        self.wire = wire
        self.peer = peer

    def flush(self):
        while True:
            data = self.buffer.peek_outgoing(LONGEST)
            if not data:
                return
            self.wire.sendto(data, self.peer)
            self.buffer.consume_outgoing(len(data))

    def handshake(self, first=None):
        """To the end; `first` is a datagram that is here already."""
        if first:
            self.buffer.receive_from_network(first)
        waited = 0
        while self.buffer._handshake_state is not tls.HandshakeStep.HANDSHAKE_OVER:
            try:
                self.buffer.do_handshake()
            except tls.WantReadError:
                self.flush()
                try:
                    self.buffer.receive_from_network(self.receive())
                except TimeoutError:
                    waited += 1
                    if waited == PATIENCE:
                        raise
            except tls.WantWriteError:
                self.flush()
            except BaseException:
                # An alert may be on its way, or a HelloVerifyRequest.
                self.flush()
                raise
        self.flush()

    def receive(self):
        data, address = self.wire.recvfrom(LONGEST)
        if address != self.peer:
            raise ConnectionError(f"a datagram of {address}, who is nobody's peer")
        return data

    def write(self, data):
        self.buffer.write(data)
        self.flush()

    def read(self, data):
        self.buffer.receive_from_network(data)
        with contextlib.suppress(tls.WantReadError):
            return self.buffer.read(LONGEST)
        return b""

    def shutdown(self):
        self.buffer.shutdown()
        self.flush()


def wire():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    one.settimeout(REPEAT)
    return one


def serve(folder, suite, kind, values):
    context = tls.ServerContext(configuration(folder, suite, kind, values, True))
    socket_of_all = wire()
    say("listening", socket_of_all.getsockname()[1])
    while True:
        try:
            data, address = socket_of_all.recvfrom(LONGEST)
        except TimeoutError:
            continue
        # Records of a session that is over are no hello.
        if data[:1] == b"\x16" and data[3:5] == b"\0\0":
            try:
                serve_one(context, socket_of_all, address, data, values)
            except Exception as error:  # noqa: BLE001 - the server goes on
                say("refused", type(error).__name__, error)


def serve_one(context, socket_of_all, address, data, values):
    cookie = f"{address}".encode()
    for _ in range(2):
        buffer = context.wrap_buffers()
        buffer.setcookieparam(cookie)
        if "mtu" in values:
            buffer.setmtu(int(values["mtu"]))
        session = Session(buffer, socket_of_all, address)
        try:
            session.handshake(data)
            break
        except tls.HelloVerifyRequest:
            # The client says hello again, with the cookie, to a session that knows nothing of the first time.
            data = session.receive()
    say("agreed", buffer.cipher())
    while True:
        try:
            data = session.receive()
        except TimeoutError:
            continue
        text = session.read(data)
        if not text:
            return
        say("data", text.decode().strip())
        session.write(text)


def connect(port, folder, suite, kind, values):
    context = tls.ClientContext(configuration(folder, suite, kind, values, False))
    name = "server.example" if kind == "x509" else None
    buffer = context.wrap_buffers(name)
    if "mtu" in values:
        buffer.setmtu(int(values["mtu"]))
    with wire() as socket_of_one:
        session = Session(buffer, socket_of_one, ("127.0.0.1", port))
        session.handshake()
        say("agreed", buffer.cipher())
        session.write(b"ping")
        socket_of_one.settimeout(PATIENCE)
        text = session.read(session.receive())
        if text != b"ping":
            raise ConnectionError(f"{text!r} instead of the echo")
        say("echo", text.decode())
        session.shutdown()


def main():
    role, *words = sys.argv[1:]
    try:
        port = int(words.pop(0)) if role == "connect" else None
        folder, suite, kind, *rest = words
        values = dict(word.split("=", 1) for word in rest)
        if role == "serve":
            serve(pathlib.Path(folder), suite, kind, values)
        else:
            connect(port, pathlib.Path(folder), suite, kind, values)
    except Exception as error:  # noqa: BLE001 - said and not shown as a trace
        say("failed", type(error).__name__, error)
        sys.exit(1)


if __name__ == "__main__":
    main()
