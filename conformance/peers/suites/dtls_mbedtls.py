"""mbedTLS 2.28 at our DTLS engine: python-mbedtls from PyPI, through a Python program of ours."""

import pathlib
import subprocess
import sys

from . import dtls_world as world_of
from .dtls_lines import OF_CID, OF_RPK, Library, Peer
from .dtls_world import ECDHE_SUITES, PSK_SUITES

HERE = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "python-mbedtls==2.10.1"
# How long pip may take, seconds.
PATIENCE = 120

BOTH = (world_of.WRONG_KEY, world_of.UNKNOWN_IDENTITY, world_of.STRANGER, world_of.EMS_REQUIRED, world_of.ENCRYPT_FIRST,
        world_of.FRAGMENTS, world_of.FRAGMENT_LENGTH)


class MbedTls(Library):
    name = "mbedTLS"
    suites = {"psk": PSK_SUITES, "x509": ECDHE_SUITES, "rpk": ()}
    features = {"client": BOTH, "server": BOTH}
    reasons = {
        "no raw public keys": OF_RPK,
        "the Python package is built without Connection ID": OF_CID,
        "the Python package cannot switch it": (world_of.NO_EMS, world_of.MAC_FIRST, world_of.SECP256R1, world_of.X25519),
        "the Python package does not keep sessions": (world_of.RESUMPTION, world_of.TICKET),
    }
    wrong_key = "alert"
    unknown_identity = "alert"

    def __init__(self, world, python):
        self.world = world
        self.python = python

    def command(self, role, port, suite, kind, settings):
        name = suite.replace("_", "-")
        command = [self.python, HERE / "mbedtls" / "peer.py", role]
        command += [port] if role == "connect" else []
        return command + [self.world.folder, name, kind, *(f"{name}={value}" for name, value in settings.items())]


def python_with_mbedtls(target):
    """The interpreter of an environment of its own that has the package, or why there is none."""
    folder = target / "dtls-peers-venv"
    python = folder / "bin" / "python"
    if python.exists() and subprocess.run([python, "-c", "import mbedtls"], capture_output=True).returncode == 0:
        return python, ""
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=PATIENCE)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:",
                        PACKAGE], check=True, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None, "pip did not finish in time"
    except (subprocess.CalledProcessError, OSError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().rpartition("\n")[2]
        return None, f"{PACKAGE} could not be installed: {said}"
    return python, ""


def run(world, target):
    python, why_not = python_with_mbedtls(target)
    if python:
        Peer(world, MbedTls(world, python)).all()
    else:
        world.matrix.skip(MbedTls.name, why_not)
