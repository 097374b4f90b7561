#!/usr/bin/env python3
"""A trigger for `lwm2m-conformance server`: orders operations over the HTTP API of our server.

LWM2M_HTTP_API names the API, http://127.0.0.1:8080 where it is not set. Another server's trigger is written like this
one: each operation of the table in JUDGE.md becomes a call of that server's own API.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

NOT_OFFERED = 3
API = os.environ.get("LWM2M_HTTP_API", "http://127.0.0.1:8080").rstrip("/")


def call(method, path, body=None):
    """One request; the JSON of the answer, or the end of the program with what the server says."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data=data, method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {error.read().decode(errors='replace')}")
    except urllib.error.URLError as error:
        sys.exit(f"{API}: {error.reason}")
    return json.loads(text) if text else None


def show(answer):
    """What the server shows of the values: a line each, booleans and texts as the judge writes them."""
    for entry in (answer or {}).get("entries", []):
        value = entry["value"]
        value = json.dumps(value) if isinstance(value, (bool, int, float)) else value
        print(f"{entry['path']}={value}")


def values():
    """What is to be written, as path and value."""
    for record in json.loads(os.environ.get("LWM2M_VALUES", "[]")):
        value = next(record[key] for key in ("v", "vb", "vs") if key in record)
        yield {"path": record["n"], "value": value}


def attributes():
    """Attributes of a query as the API takes them."""
    pairs = urllib.parse.parse_qsl(os.environ.get("LWM2M_ATTRIBUTES", ""))
    return {name: json.loads(value) for name, value in pairs}


def created():
    """The instance that the values lie in, and they as an object by identifiers."""
    instance, tree = None, {}
    for entry in values():
        ids = entry["path"].strip("/").split("/")
        instance = "/" + "/".join(ids[:2])
        at = tree
        for identifier in ids[2:-1]:
            at = at.setdefault(identifier, {})
        at[ids[-1]] = entry["value"]
    return {"path": instance, "value": tree}


def main():
    operation, endpoint, *paths = sys.argv[1:]
    device = "/api/devices/" + urllib.parse.quote(endpoint, safe="")
    path = paths[0] if paths else None
    objects = f"{device}/objects{path}"
    if "LWM2M_FORMAT" in os.environ:
        objects += "?format=" + os.environ["LWM2M_FORMAT"]
    if operation == "read":
        show(call("GET", objects))
    elif operation == "discover":
        depth = os.environ.get("LWM2M_DEPTH")
        call("POST", device + "/discover", {"path": path, "depth": depth and int(depth)})
    elif operation in ("write", "update"):
        method = "PUT" if operation == "write" else "POST"
        call(method, objects, {"entries": list(values())})
    elif operation == "write-attributes":
        call("POST", device + "/attributes", {"path": path, "attributes": attributes()})
    elif operation == "execute":
        call("POST", device + "/execute", {"path": path})
    elif operation == "create":
        call("POST", device + "/create", created())
    elif operation == "delete":
        call("DELETE", objects)
    elif operation == "observe":
        body = {"path": path}
        if attributes():
            body["attributes"] = attributes()
        show(call("POST", device + "/observe", body))
    elif operation == "cancel":
        call("POST", device + "/cancel", {"path": path})
    elif operation == "read-composite":
        show(call("POST", device + "/read-composite", {"paths": paths}))
    elif operation == "write-composite":
        call("POST", device + "/write-composite", {"entries": list(values())})
    elif operation == "observe-composite":
        show(call("POST", device + "/observe-composite", {"paths": paths}))
    elif operation == "cancel-composite":
        call("POST", device + "/cancel", {"paths": paths})
    else:
        # `forget`: the API ends an observation in the open. `push-firmware`: it runs whole updates only.
        sys.exit(NOT_OFFERED)


main()
