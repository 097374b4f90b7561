"""Programs under test, the HTTP API of the evaluation server, and the table of results."""

import json
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

# How long anything may take before it counts as failed, seconds. Generous: a passing check never waits for it.
PATIENCE = 30


class Failed(Exception):
    """A check does not hold."""


def expect(actual, expected, what="answer"):
    if actual != expected:
        raise Failed(f"{what}: expected {expected!r}, got {actual!r}")


def expect_in(part, whole, what="answer"):
    if part not in whole:
        raise Failed(f"{what}: expected {part!r} in {whole!r}")


# Below those that systems give to sockets without a port, so that none of them takes one that was just given away.
PORTS = list(range(20_000, 32_000))
random.shuffle(PORTS)
PORTS_LOCK = threading.Lock()


def free_ports(count, kind=socket.SOCK_DGRAM):
    """Ports of 127.0.0.1 that nobody has at this moment, each given away once."""
    found = []
    with PORTS_LOCK:
        while len(found) < count:
            port = PORTS.pop()
            with socket.socket(socket.AF_INET, kind) as one:
                try:
                    one.bind(("127.0.0.1", port))
                except OSError:
                    continue
            found.append(port)
    return found


class Table:
    """Results of checks, printed as they come; those of a part, when it has ended."""

    def __init__(self):
        self.rows = []
        # Each with its suite, the area, the name and the detail.
        self.results = []
        self.suite = ""
        # What a part has said, until the whole takes it over.
        self.kept = None

    def begin(self, suite):
        """What follows belongs to this suite."""
        self.suite = suite

    def part(self, suite):
        """A table for a suite that runs beside others."""
        part = Table()
        part.begin(suite)
        part.kept = []
        return part

    def add(self, part, name, seconds):
        """Takes the results of a part over, and says how long it took."""
        self.rows += part.rows
        self.results += part.results
        print(*part.kept, f"         {name}: {len(part.rows)} checks in {seconds:.1f} s", sep="\n", flush=True)

    def check(self, area, name, call):
        """Runs a check; whatever it raises is its failure."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a check that breaks has failed, and the others go on
            text = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
            self._add("FAIL", area, name, text)
            return False
        self._add("pass", area, name)
        return True

    def skip(self, area, name, why):
        self._add("skipped", area, name, why)

    def broken(self, area, error):
        """A suite has not come to its end."""
        self._add("FAIL", area, "the suite comes to its end", f"{type(error).__name__}: {error}")

    def _add(self, result, area, name, detail=""):
        self.rows.append(result)
        self.results.append((self.suite, result, area, name, detail))
        self.say(f"{result:8} {area:24} {name}" + (f"\n         {detail}" if detail else ""))

    def say(self, text):
        """A line, or several, among the results."""
        if self.kept is None:
            print(text, flush=True)
        else:
            self.kept.append(text)

    def finish(self):
        """Prints the sums; true where nothing failed."""
        count = {result: self.rows.count(result) for result in ("pass", "FAIL", "skipped")}
        print(f"peers: {count['pass']} passed, {count['FAIL']} failed, {count['skipped']} skipped")
        return count["FAIL"] == 0


class Program:
    """A child process that talks in lines."""

    def __init__(self, name, arguments, environment=None):
        self.name = name
        self.lines = []
        self.news = threading.Condition()
        self.ended = False
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **(environment or {})},
        )
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def mark(self):
        """The place behind the last line so far, to wait from there."""
        with self.news:
            return len(self.lines)

    def wait(self, start, since=0, patience=PATIENCE, holds=lambda line: True):
        """The first line that begins with `start` (and for which `holds` is true)."""
        deadline = time.monotonic() + patience
        with self.news:
            while True:
                for line in self.lines[since:]:
                    if line.startswith(start) and holds(line):
                        return line
                rest = deadline - time.monotonic()
                if rest <= 0 or self.ended:
                    tail = " | ".join(self.lines[since:][-6:])
                    state = "ended" if self.ended else f"was silent for {patience} s"
                    raise Failed(f"{self.name} {state} without {start!r}; it said: {tail}")
                self.news.wait(rest)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line, answer="answer "):
        """Gives a command, and returns its answer without the word it begins with."""
        since = self.mark()
        self.say(line)
        return self.wait(answer, since, patience=90)[len(answer):]

    def finish(self, patience=PATIENCE):
        """Waits until the program has ended and all it said is here: its exit code."""
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} has not ended; it said: {' | '.join(self.lines[-6:])}") from None
        with self.news:
            self.news.wait_for(lambda: self.ended, patience)
        return code

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Refused(Exception):
    """The HTTP API answered with an error."""

    def __init__(self, status, problem):
        self.status = status
        self.coap_code = problem.get("coapCode")
        super().__init__(f"HTTP {status} {self.coap_code or ''} {problem.get('code')}: {problem.get('detail')}")


class EvaluationServer(Program):
    """Our server with its HTTP API."""

    def __init__(self, binary, *more):
        ports = free_ports(4)
        self.http = free_ports(1, socket.SOCK_STREAM)[0]
        self.coap, self.coaps, self.bootstrap_coap, self.bootstrap_coaps = ports
        options = ["--devices", "0", "--http", f"127.0.0.1:{self.http}"]
        names = ("coap", "coaps", "bootstrap-coap", "bootstrap-coaps")
        for name, port in zip(names, ports):
            options += [f"--{name}", f"127.0.0.1:{port}"]
        super().__init__("evaluation server", [binary, *options, *more])
        self._await_http()
        self.events = []
        self.event_news = threading.Condition()
        stream = urllib.request.urlopen(f"http://127.0.0.1:{self.http}/api/events?backlog=true", timeout=3600)
        threading.Thread(target=self._listen, args=(stream,), daemon=True).start()

    def _await_http(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.call("GET", "/api/devices")
            except (urllib.error.URLError, ConnectionError) as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise Failed(f"the evaluation server does not answer: {error}; {self.lines}") from error
                time.sleep(0.05)

    def _listen(self, stream):
        try:
            for line in stream:
                if line.startswith(b"data:"):
                    with self.event_news:
                        self.events.append(json.loads(line[5:]))
                        self.event_news.notify_all()
        except OSError:
            pass  # the server has ended

    def event_mark(self):
        with self.event_news:
            return len(self.events)

    def event(self, kind, endpoint, since=0, holds=lambda data: True):
        """The first event of this kind about this device for which `holds` is true: its data."""
        deadline = time.monotonic() + PATIENCE
        with self.event_news:
            while True:
                for event in self.events[since:]:
                    if event["kind"] == kind and event.get("endpoint") == endpoint and holds(event["data"]):
                        return event["data"]
                rest = deadline - time.monotonic()
                if rest <= 0:
                    seen = [(event["kind"], event["data"]) for event in self.events[since:]][-4:]
                    raise Failed(f"no event {kind!r} of {endpoint} within {PATIENCE} s; there were {seen}")
                self.event_news.wait(rest)

    def call(self, method, path, body=None, kind="application/json"):
        """A request to the HTTP API; JSON in and out."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data, method=method)
        if data is not None:
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                text = response.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.loads(error.read() or b"{}")) from None

    def device(self, endpoint):
        return Device(self, endpoint)


class Device:
    """A registered device, seen through the HTTP API."""

    def __init__(self, server, endpoint):
        self.server = server
        self.endpoint = endpoint
        self.base = f"/api/devices/{urllib.parse.quote(endpoint, safe='')}"

    def info(self):
        return self.server.call("GET", self.base)

    def read(self, path, content_format=None):
        """Values by path."""
        query = "" if content_format is None else f"?format={content_format}"
        answer = self.server.call("GET", f"{self.base}/objects{path}{query}")
        return {entry["path"]: entry["value"] for entry in answer["entries"]}

    def write(self, path, value, content_format=None, method="PUT"):
        query = "" if content_format is None else f"?format={content_format}"
        self.server.call(method, f"{self.base}/objects{path}{query}", {"value": value})

    def delete(self, path):
        self.server.call("DELETE", f"{self.base}/objects{path}")

    def post(self, operation, **body):
        return self.server.call("POST", f"{self.base}/{operation}", body)


def scratch_file(content):
    """A file of its own with this content, which the caller removes."""
    handle, name = tempfile.mkstemp(prefix="lwm2m-peers-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return name
