"""Our DTLS engine before every DTLS implementation that can be had here, in both roles, and the matrix of it."""

import json
import subprocess

from . import dtls_gnutls, dtls_mbedtls, dtls_openssl, dtls_scandium
from . import dtls_tinydtls, dtls_webrtc, dtls_wireshark, dtls_wolfssl
from .dtls_world import Matrix, World

SUITES = ("dtls-openssl", "dtls-scandium", "dtls-gnutls", "dtls-webrtc", "dtls-mbedtls", "dtls-wolfssl", "dtls-tinydtls",
          "dtls-wireshark")


def programs(root):
    """Builds our programs for DTLS peers: where each is, by its name."""
    command = ["cargo", "build", "--quiet", "--message-format=json", "-p", "lwm2m-conformance", "--bins"]
    result = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    artifacts = filter(None, map(json.loads, result.stdout.splitlines()))
    return {artifact["target"]["name"]: artifact["executable"] for artifact in artifacts if artifact.get("executable")}


def run(table, suites, root, maven):
    """Runs those of `suites` that are of this file, and returns the matrix of what came of it; `maven` builds one of our
    Java projects: its command, or why not.
    """
    binaries = programs(root)
    target = root / "target"
    matrix = Matrix(table)
    world = World(table, matrix, binaries["dtls-peer"], binaries["webrtc-dtls-peer"])

    def scandium():
        java, why_not = maven("scandium")
        if java:
            dtls_scandium.run(world, java)
        else:
            matrix.skip(dtls_scandium.PEER, why_not)

    drive = dict(zip(SUITES, (
        lambda: dtls_openssl.run(world),
        scandium,
        lambda: dtls_gnutls.run(world),
        lambda: dtls_webrtc.run(world),
        lambda: dtls_mbedtls.run(world, target),
        lambda: dtls_wolfssl.run(world, target),
        lambda: dtls_tinydtls.run(world, target),
        lambda: dtls_wireshark.run(world),
    )))
    try:
        for suite in SUITES:
            if suite in suites:
                table.begin(suite)
                drive[suite]()
    finally:
        world.close()
    matrix.print()
    return matrix
