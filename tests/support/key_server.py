"""An https server that publishes keys, or any body set by a test, and counts the requests."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from tests.support.waiting import PATIENCE


@dataclass
class KeyServer:
    """A running server. `body` is its response, `drip` the seconds between two bytes."""

    url: str = ""
    ca_file: Path = Path()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drip: float = 0
    gate: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, str]] = field(default_factory=list)

    def publish(self, keys: dict[str, Any]) -> None:
        """Serve these keys from now on."""
        self.body = json.dumps(keys).encode()


@contextmanager
def key_server(folder: Path) -> Iterator[KeyServer]:
    """A key server on a free port of this machine, with a certificate of its own CA."""
    state = KeyServer(ca_file=folder / "authority.pem")
    state.gate.set()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(state.ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(dict(self.headers))
            state.gate.wait(PATIENCE)
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            stop = threading.Event()
            for start in range(0, len(state.body), 1 if state.drip else 65_536):
                stop.wait(state.drip)
                try:
                    self.wfile.write(state.body[start : start + (1 if state.drip else 65_536)])
                except OSError:
                    return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is http.server's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    state.url = f"https://localhost:{server.server_port}/jwks.json"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
