"""A small FHIR R4 server for tests, over real sockets on loopback, with configurable habits and faults.

Habits change what it does within FHIR (how links look, which searches it refuses); a fault replaces an answer.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.support.waiting import PATIENCE

Resource = dict[str, Any]
Fault = Callable[["Exchange"], None]
"""Answers one request in place of the server."""

TOKEN = "peer-token-7f3a"  # noqa: S105  of the peer below


@dataclass
class Habits:
    """Server behavior that varies within FHIR; the defaults are the most common."""

    page_size: int = 100
    links: str = "absolute"
    """`absolute`, `relative` (to the base URL: `Condition?...`), `rooted` (`/Condition?...`) or `opaque`."""
    patient_form: str = "any"
    """`id` or `type`: the only form of the patient parameter that finds anything."""
    codes: str = "list"
    """`list`, `bare` (nothing by system|code), `first` (only the first code of a list) or `ignored`."""
    needs_code_or_category: bool = False
    most_count: int | None = None
    """A larger `_count` is answered with 400."""
    refuses: tuple[str, ...] = ()
    """Parameters that are answered with 400."""
    token: str | None = None
    ignores_patient: bool = False
    total: bool = True


class Exchange:
    """One request, and the ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        """`number` counts the requests for this resource type, from 1."""
        self._handler = handler
        self.number = number
        self.headers = handler.headers
        self.url = urlsplit(handler.path)
        self.asked = {name: values[0] for name, values in parse_qs(self.url.query, keep_blank_values=True).items()}

    def send(self, status: int, body: bytes, kind: str = "application/fhir+json", **headers: str) -> None:
        """Send a whole response; header names are written with underscores."""
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", kind)
        self._handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def send_json(self, resource: Any, status: int = 200, **headers: str) -> None:
        """Send a resource."""
        self.send(status, json.dumps(resource).encode(), **headers)

    def outcome(self, status: int, **headers: str) -> None:
        """Send an OperationOutcome."""
        issue = {"severity": "error", "code": "processing"}
        self.send_json({"resourceType": "OperationOutcome", "issue": [issue]}, status, **headers)

    def raw(self, *parts: bytes) -> None:
        """Send raw bytes and close the connection."""
        self._handler.close_connection = True
        for part in parts:
            self._handler.wfile.write(part)
            self._handler.wfile.flush()


@dataclass
class Peer:
    """A running server; `faults` by resource type, `*` for all; `requests` received, in order."""

    base: str
    resources: list[Resource] = field(default_factory=list)
    habits: Habits = field(default_factory=Habits)
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)
    """Ends what hangs; set when the server stops, and by a test that has its answer."""

    def hang(self, seconds: float = PATIENCE) -> bool:
        """Answers nothing for a while; True where it was told to let go."""
        return self.let_go.wait(seconds)

    def asked(self, kind: str) -> list[Mapping[str, str]]:
        """Parameters of the searches of one resource type."""
        return [parameters for path, parameters in self.requests if path.rpartition("/")[2] == kind]

    def answer(self, exchange: Exchange) -> None:
        """Answer as a server with these habits, without faults."""
        if self.habits.token and exchange.headers.get("Authorization") != f"Bearer {self.habits.token}":
            exchange.outcome(401)
            return
        path = exchange.url.path.removeprefix(urlsplit(self.base).path).strip("/")
        kind, _, name = path.partition("/")
        if path == "metadata":
            exchange.send_json(self.capabilities())
        elif name:
            self._read(exchange, kind, name)
        else:
            self._search(exchange, kind)

    def capabilities(self) -> Resource:
        """The CapabilityStatement."""
        types = ("Patient", "Condition", "AllergyIntolerance", "Observation", "ServiceRequest")
        resources = [{"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}]} for kind in types]
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-01-01",
            "kind": "instance",
            "software": {"name": "peer"},
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "rest": [{"mode": "server", "resource": resources}],
        }

    def _read(self, exchange: Exchange, kind: str, name: str) -> None:
        found = [r for r in self.resources if (r["resourceType"], r.get("id")) == (kind, name)]
        if found:
            exchange.send_json(found[0])
        else:
            exchange.outcome(404)

    def _search(self, exchange: Exchange, kind: str) -> None:
        asked = exchange.asked
        if kind == "":
            kind, asked = asked["_type"], {key: value for key, value in asked.items() if key != "_type"}
        habits = self.habits
        count = int(asked.get("_count", habits.page_size))
        too_many = habits.most_count is not None and count > habits.most_count
        unlimited = kind == "Observation" and habits.needs_code_or_category and not {"code", "category"} & set(asked)
        if too_many or unlimited or set(habits.refuses) & set(asked):
            exchange.outcome(400)
            return
        matches = [r for r in self.resources if r["resourceType"] == kind and self._matches(r, asked)]
        start, size = int(asked.get("_offset", 0)), min(count, habits.page_size)
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "link": []}
        if habits.total:
            bundle["total"] = len(matches)
        if start + size < len(matches):
            onward = {**asked, "_offset": str(start + size)}
            bundle["link"].append({"relation": "next", "url": self._link(kind, onward)})
        page = matches[start : start + size]
        bundle["entry"] = [
            {"fullUrl": f"{self.base}/{kind}/{r.get('id')}", "resource": r, "search": {"mode": "match"}} for r in page
        ]
        exchange.send_json(bundle)

    def _link(self, kind: str, asked: Mapping[str, str]) -> str:
        query = urlencode(asked)
        return {
            "absolute": f"{self.base}/{kind}?{query}",
            "relative": f"{kind}?{query}",
            "rooted": f"/{kind}?{query}",
            "opaque": f"{self.base}?{urlencode({'_type': kind, **asked})}",
        }[self.habits.links]

    def _matches(self, resource: Resource, asked: Mapping[str, str]) -> bool:
        return self._is_of(resource, asked) and self._has_code(resource, asked) and _in_category(resource, asked)

    def _is_of(self, resource: Resource, asked: Mapping[str, str]) -> bool:
        if "patient" not in asked or self.habits.ignores_patient:
            return True
        form = "type" if asked["patient"].startswith("Patient/") else "id"
        named = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
        mine: bool = named.rpartition("/")[2] == asked["patient"].rpartition("/")[2]
        return mine and self.habits.patient_form in ("any", form)

    def _has_code(self, resource: Resource, asked: Mapping[str, str]) -> bool:
        if "code" not in asked or self.habits.codes == "ignored":
            return True
        tokens = asked["code"].split(",")
        if self.habits.codes == "first":
            tokens = tokens[:1]
        parts = [resource, *resource.get("component", ())]
        codings = [c for part in parts for c in part.get("code", {}).get("coding", ())]
        if self.habits.codes == "bare":
            return any(c.get("code") in tokens for c in codings)
        return any(f"{c.get('system')}|{c.get('code')}" in tokens or c.get("code") in tokens for c in codings)


def _in_category(resource: Resource, asked: Mapping[str, str]) -> bool:
    if "category" not in asked:
        return True
    codings = [c for category in resource.get("category", ()) for c in category.get("coding", ())]
    return any(c.get("code") == asked["category"] for c in codings)


@contextmanager
def running_peer(
    resources: Iterable[Resource] = (), path: str = "/fhir", tls: ssl.SSLContext | None = None, **habits: Any
) -> Iterator[Peer]:
    """A server on a free loopback port, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            kind = url.path.removeprefix(path).strip("/").partition("/")[0]
            with lock:
                peer.requests.append((url.path, {k: v[0] for k, v in parse_qs(url.query).items()}))
                peer.authorizations.append(self.headers.get("Authorization"))
                number = sum(p.removeprefix(path).strip("/").partition("/")[0] == kind for p, _ in peer.requests)
            exchange = Exchange(self, number)
            fault = peer.faults.get(kind) or peer.faults.get("*")
            try:
                (fault or peer.answer)(exchange)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Suppress the log."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128  # beyond it a connection waits a second or more to be taken

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Suppress errors of closed connections, which several tests cause."""

    lock = threading.Lock()
    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    peer = Peer(f"{scheme}://127.0.0.1:{server.server_address[1]}{path}", list(resources), Habits(**habits))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        peer.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def resources_of(request: Mapping[str, Any]) -> list[Resource]:
    """Every resource in the prefetch of a hook request, for a server's `resources`."""
    found = []
    for value in request.get("prefetch", {}).values():
        if value is not None:
            entries = [e["resource"] for e in value.get("entry", ())]
            found += entries if value["resourceType"] == "Bundle" else [value]
    return found
