"""What the judge of a server wants, as commands of Leshan's server: the other end of `leshan_trigger.py`."""

import json
import pathlib
import socketserver
import tempfile
import threading

from .harness import Failed

TRIGGER = pathlib.Path(__file__).with_name("leshan_trigger.py")
# Exit codes of a trigger.
DONE, FAILED, NOT_OFFERED = 0, 1, 3
FORMATS = {"0": "TEXT", "42": "OPAQUE", "60": "CBOR", "110": "SENML_JSON", "112": "SENML_CBOR", "11542": "TLV",
           "11543": "JSON"}
# SenML does not tell times from numbers; of the values that the judge writes, this is one.
TIMES = ("/3/0/13",)
COMPOSITE = ("read-composite", "observe-composite", "cancel-composite")


class Orders:
    """Takes orders of any number of triggers, one after the other, and has a server carry them out."""

    def __init__(self, server):
        self.server = server
        self.turn = threading.Lock()
        self.folder = tempfile.TemporaryDirectory(prefix="lwm2m-orders-")
        self.path = pathlib.Path(self.folder.name) / "socket"
        orders = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                order = json.loads(self.rfile.readline())
                code, text = orders.carry_out(order["arguments"], order["settings"])
                self.wfile.write(json.dumps({"code": code, "text": text}).encode() + b"\n")

        self.listener = socketserver.ThreadingUnixStreamServer(str(self.path), Handler)
        self.listener.daemon_threads = True
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def environment(self):
        return {"LWM2M_ORDERS": str(self.path)}

    def stop(self):
        self.listener.shutdown()
        self.listener.server_close()
        self.folder.cleanup()

    def carry_out(self, arguments, settings):
        """Exit code and text of one order."""
        operation, endpoint, *paths = arguments
        command = words(operation, endpoint, paths, settings)
        if command is None:
            return NOT_OFFERED, "Leshan has no such operation"
        try:
            with self.turn:
                answer = self.server.ask("\t".join(command))
        except Failed as error:
            return FAILED, str(error)
        code, _, text = answer.partition("\t")
        if code.startswith("20"):
            # Its values, a line each.
            return DONE, text.replace("\t", "\n")
        return FAILED, answer


def words(operation, endpoint, paths, settings):
    """The command of `ServerProgram` for an order; nothing where Leshan has no such operation."""
    content_format = FORMATS[settings["LWM2M_FORMAT"]] if "LWM2M_FORMAT" in settings else "-"
    values = json.loads(settings.get("LWM2M_VALUES", "[]"))
    path = paths[0]
    plain = [operation, endpoint, path]
    if operation in ("execute", "delete", "cancel", "forget"):
        return plain
    if operation == "read":
        return [*plain, content_format]
    if operation == "observe":
        # Attributes in the query are of 1.2.
        return None if "LWM2M_ATTRIBUTES" in settings else [*plain, content_format]
    if operation == "discover":
        return None if "LWM2M_DEPTH" in settings else plain
    if operation == "write-attributes":
        return ["attributes", endpoint, path, settings["LWM2M_ATTRIBUTES"]]
    if operation == "push-firmware":
        return ["write", endpoint, path, "OPAQUE", "file:" + settings["LWM2M_IMAGE"]]
    if operation == "create":
        instance = "/".join(values[0]["n"].split("/")[:3])
        return ["create", endpoint, instance, content_format, *(below(instance, value) for value in values)]
    if operation in ("write", "update") and values[0]["n"] == path:
        # Leshan has no partial update of a resource that is no instance of several.
        return ["write", endpoint, path, content_format, typed(values[0])] if operation == "write" else None
    if operation in ("write", "update"):
        verb = "replace" if operation == "write" else "update"
        return [verb, endpoint, path, content_format, *(below(path, value) for value in values)]
    if operation == "write-composite":
        return [operation, endpoint, "-", "SENML_CBOR", *(f"{value['n']}={typed(value)}" for value in values)]
    if operation in COMPOSITE:
        return [operation, endpoint, " ".join(paths), "SENML_CBOR"]
    raise ValueError(f"the judge wants {operation!r}, of which the suite knows nothing")


def below(path, value):
    """A value with its place below a path."""
    return f"{value['n'][len(path) + 1:]}={typed(value)}"


def typed(value):
    """A SenML record's value, as `ServerProgram` takes it."""
    if "vb" in value:
        return f"boolean:{str(value['vb']).lower()}"
    if "vs" in value:
        return f"string:{value['vs']}"
    return f"{'time' if value['n'] in TIMES else 'integer'}:{value['v']}"
