"""webrtc-dtls, the engine that this project stood on before, at our DTLS engine: through a program of ours."""

from . import dtls_world as world_of
from .dtls_lines import OF_CID, OF_RPK, Library, Peer
from .dtls_world import ECDHE_SUITES, PSK_SUITES, row

BOTH = (world_of.WRONG_KEY, world_of.STRANGER, world_of.NO_EMS, world_of.EMS_REQUIRED, world_of.FRAGMENTS)


class Webrtc(Library):
    name = "webrtc-dtls"
    suites = {"psk": PSK_SUITES[:3], "x509": ECDHE_SUITES[:3], "rpk": ()}
    features = {"client": (*BOTH, world_of.UNKNOWN_IDENTITY), "server": BOTH}
    wrong_key = "alert"
    reasons = {
        "no CBC with SHA-256": (row(PSK_SUITES[3], "psk"), row(ECDHE_SUITES[3], "x509"), world_of.ENCRYPT_FIRST,
                                world_of.MAC_FIRST),
        "no raw public keys": OF_RPK,
        "no Connection ID": OF_CID,
        "no resumption": (world_of.RESUMPTION, world_of.TICKET),
        "no max_fragment_length": (world_of.FRAGMENT_LENGTH,),
        "its server asks for keys without the identity": (world_of.UNKNOWN_IDENTITY,),
        "its groups cannot be chosen": (world_of.SECP256R1, world_of.X25519),
    }

    def __init__(self, world):
        self.world = world

    def command(self, role, port, suite, kind, settings):
        command = [self.world.webrtc, role]
        command += [f"127.0.0.1:{port}"] if role == "connect" else []
        command += ["--suite", suite]
        if kind == "psk":
            command += ["--psk-identity", settings["identity"], "--psk-key", settings["key"]]
        else:
            command += ["--credentials", self.world.folder]
        command += ["--as", settings["name"]] if "name" in settings else []
        command += ["--mtu", settings["mtu"]] if "mtu" in settings else []
        command += ["--no-extended-master-secret"] if settings.get("ems") == "no" else []
        return command


def run(world):
    Peer(world, Webrtc(world)).all()
