"""gunicorn's thread worker, hardened: nobody who sends slowly, or not at all, keeps others waiting.

- A connection costs no thread until the head of its request is there; a half-sent head ends after `HEAD_SECONDS`.
- A body is waited for beside the `CDS_THREADS` that judge calls, for `BODY_SECONDS` at most.
- Memory is bounded: few large bodies are held at once, and calls with large ones are judged one at a time.
- An answer that was given before the body was read reaches the client: the rest of the body is discarded, within
  bounds, and then the connection closes in stages (RFC 9112, 9.6).
- What is wrong with the framing of a request is told as an OperationOutcome, like every other error.

Why it is so: docs/decisions/0080-slow-senders.md.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore, Lock
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from cds_service.errors import BodyTooSlow, RequestError, TooManyBodies
from cds_service.web.error_responses import operation_outcome

HEAD_SECONDS = 10.0
"""From the first byte of a request, or from the connection, to the end of its head."""
BODY_SECONDS = 20.0
"""From the end of the head to the end of the body; the proxy in front has the body before it calls."""
_SEND_SECONDS = 30.0
"""How long a client may take no byte of its answer."""
_DISCARD_SECONDS = 2.0
_DISCARD_BYTES = 8 * 1024 * 1024
_STOP_SECONDS = 2.0
"""How long a stopping worker waits for heads."""
_MOST_BODIES = 256
"""Requests that one worker reads or answers at once; those that are judged at once are `CDS_THREADS`."""
_HEAD_BYTES = 65_536
"""A head that is longer is left to gunicorn's parser, which refuses it."""

_LARGE_BYTES = 4 * 1024 * 1024
"""Judging takes about five times the memory of the body, so calls with larger ones are judged one at a time."""
_LARGE_BODIES = 4
"""Large bodies that one worker holds at once; others wait for `_ROOM_SECONDS` at most."""
_ROOM_SECONDS = 10.0

_STATUS = {
    errors.LimitRequestLine: (414, "URI Too Long", "The URL is too long."),
    errors.LimitRequestHeaders: (431, "Request Header Fields Too Large", "The headers are too many or too long."),
    errors.ExpectationFailed: (417, "Expectation Failed", "Of Expect only 100-continue is understood."),
    errors.UnsupportedTransferCoding: (501, "Not Implemented", "Of Transfer-Encoding only chunked is understood."),
    TimeoutError: (408, "Request Timeout", "The request did not arrive in time: send it again."),
}
_MALFORMED = (400, "Bad Request", "The request is not valid HTTP/1.1: check its request line, headers and framing.")
_FAILED = (500, "Internal Server Error", "The service failed on this call and judged nothing.")


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker class of `serve`."""

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Threads for all that is being read; how many calls are judged at once, `_Rooms` says."""
        return ThreadPoolExecutor(max_workers=_MOST_BODIES + self.cfg.threads)

    def load_wsgi(self) -> None:
        """Load the application and limit how many calls it judges at once."""
        super().load_wsgi()
        self.wsgi: Callable[..., Iterable[bytes]] = _in_rooms(self.wsgi, _Rooms(self.cfg.threads))

    # In the main thread

    def accept(self, listener: socket.socket) -> bool:
        """Take a new connection, and wait for its first request; whether there was one."""
        try:
            client, address = listener.accept()
        except OSError:
            return False  # gone again, or no file descriptor left: it is asked again
        self.nr_conns += 1
        self._await_head(_Connection(self.cfg, client, address, listener.getsockname()))
        return True

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take new connections or not; when stopping, those that wait are the last, and later ones are refused at once.

        While the socket is open in any worker, the kernel lets callers connect and resets them in the end, unanswered.
        """
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            listener.setblocking(False)
            while not self._is_full() and self.accept(listener):
                pass
            listener.close()

    def on_client_socket_readable(self, conn: _Connection, client: socket.socket) -> None:
        """The next request on a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_head(conn)

    def _await_head(self, conn: _Connection) -> None:
        conn.timeout = time.monotonic() + (HEAD_SECONDS if self.alive else _STOP_SECONDS)
        if conn.has_head():
            self.enqueue_req(conn)
            return
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_head, conn))

    def _on_head(self, conn: _Connection, _client: socket.socket) -> None:
        if conn.has_head():
            self._no_longer_waiting(conn)
            self.enqueue_req(conn)

    def _no_longer_waiting(self, conn: _Connection) -> None:
        self.pending_conns.remove(conn)
        self.poller.unregister(conn.sock)

    def murder_pending(self) -> None:
        """End connections whose head is late; where no more fit in, those that have waited longest."""
        now = time.monotonic()
        while self.pending_conns and (self.pending_conns[0].timeout <= now or self._is_full()):
            conn = self.pending_conns[0]
            self._no_longer_waiting(conn)
            if conn.head:
                conn.timeout = now
                self.enqueue_req(conn)  # to be answered with 408
            else:
                self.nr_conns -= 1
                conn.close()
        while self.keepalived_conns and self._is_full():
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def _is_full(self) -> bool:
        return bool(self.nr_conns >= self.worker_connections)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    # In a thread of the connection

    def handle(self, conn: _Connection) -> bool:
        """Answer one request; whether the connection is kept for another."""
        request = None
        try:
            conn.start_request()
            request = next(conn.parser)
            if request.version >= (1, 1) and not any(name == "HOST" for name, _ in request.headers):
                raise errors.InvalidHeader("Host")  # RFC 9112, 3.2
            conn.unreader.deadline = time.monotonic() + BODY_SECONDS
            keep = self.handle_request(request, conn)
            conn.timeout = time.monotonic() + HEAD_SECONDS
            if conn.discard_body() and keep:
                return True
        except StopIteration:
            self.log.debug("the client has closed the connection")
        except OSError as error:
            if request is None and isinstance(error, TimeoutError):
                self.handle_error(request, conn.sock, conn.client, error)
            self.log.debug("the connection is broken")
        except Exception as error:  # noqa: BLE001  whatever it is, the client gets an answer and the worker goes on
            self.handle_error(request, conn.sock, conn.client, error)
        util.close_graceful(conn.sock, timeout=_DISCARD_SECONDS, max_drain=_DISCARD_BYTES)
        return False

    def handle_error(self, request: Any, client: socket.socket, address: Any, error: Exception) -> None:
        """Answer what never became a call. The log names the kind of error: its message quotes the request."""
        failed = not isinstance(error, (errors.ParseException, TimeoutError))
        default = _FAILED if failed else _MALFORMED
        status, reason, diagnostics = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), default)
        log = self.log.error if failed else self.log.warning
        log("A request was refused with %d: %s", status, type(error).__name__)
        with contextlib.suppress(OSError):
            client.settimeout(_SEND_SECONDS)
            client.sendall(_answer(status, reason, operation_outcome(status, diagnostics)))


def _answer(status: int, reason: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode() + body


class _Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """One connection; `head` is what has been received of the next request before a thread takes it over."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.head = bytearray()

    def has_head(self) -> bool:
        """Read what is there, without waiting; whether a thread should go on: the head is whole, or hopeless."""
        with contextlib.suppress(BlockingIOError):
            try:
                received = self.sock.recv(_HEAD_BYTES)
            except ConnectionError:
                received = b""
            self.head += received
            if not received:
                return True  # closed by the client
        # A bare line feed is never right, and the parser says so.
        ended = b"\r\n\r\n" in self.head or self.head.count(b"\n") != self.head.count(b"\r\n")
        return ended or len(self.head) > _HEAD_BYTES

    def start_request(self) -> None:
        """Give what has been received to the parser."""
        if not self.initialized:
            self.init()
            self.unreader = self.parser.unreader = _TimedUnreader(self.sock)
        self.unreader.deadline = self.timeout
        self.unreader.unread(bytes(self.head))
        self.head.clear()
        self.sock.settimeout(_SEND_SECONDS)

    def discard_body(self) -> bool:
        """Read what the application left of the body; False if there is too much, or where it ends is unknown."""
        body = self.parser.mesg.body
        if body.failed:
            return False
        self.unreader.deadline = time.monotonic() + _DISCARD_SECONDS
        try:
            discarded = 0
            while discarded < _DISCARD_BYTES:
                part = len(body.read(_HEAD_BYTES))
                if not part:
                    return True
                discarded += part
        except (OSError, errors.ParseException):
            pass
        return False

    def close(self, graceful: bool = False) -> None:
        """Close at once: `Worker.handle` has closed in stages what needed it."""
        util.close(self.sock)


class _TimedUnreader(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """Reads from a socket until a deadline, in seconds of the monotonic clock."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes.

        Raises:
            TimeoutError: the deadline has passed.
        """
        self.sock.settimeout(max(0.001, self.deadline - time.monotonic()))
        try:
            received: bytes = super().chunk(size_hint)
            return received
        finally:
            self.sock.settimeout(_SEND_SECONDS)


class _Rooms:
    """What calls of one worker share: slots to judge, room for large bodies, and for the large call that is judged."""

    def __init__(self, slots: int) -> None:
        self.slots = BoundedSemaphore(slots)
        self.large_bodies = BoundedSemaphore(_LARGE_BODIES)
        self.large_call = Lock()


class _Body:
    """The body of a request, as WSGI has it; while it is waited for, another call has the slot."""

    def __init__(self, environ: dict[str, Any], rooms: _Rooms) -> None:
        self._body = environ["wsgi.input"]
        self._length = int(environ.get("CONTENT_LENGTH") or -1)
        self._rooms = rooms
        self._received = 0
        self._is_large = self._is_alone = False

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all of them for a negative one.

        Raises:
            BodyTooSlow: the body did not arrive within `BODY_SECONDS`.
            RequestError: its framing is wrong.
            TooManyBodies: it is large, and others are before it.
        """
        return self._waiting(self._body.read, size)

    def readline(self, size: int = -1) -> bytes:
        """One line, see `read`."""
        return self._waiting(self._body.readline, size)

    def leave(self) -> None:
        """The call is answered."""
        if self._is_large:
            self._rooms.large_bodies.release()
        if self._is_alone:
            self._rooms.large_call.release()

    def _waiting(self, read: Callable[[int], bytes], size: int) -> bytes:
        self._rooms.slots.release()
        try:
            self._take_room()
            part = read(size)
            self._received += len(part)
            if self._is_large and not self._is_alone and (self._received == self._length or not part):
                self._is_alone = self._rooms.large_call.acquire()
            return part
        except TimeoutError:
            raise BodyTooSlow("The body did not arrive in time: send the call again.") from None
        except (errors.ParseException, errors.NoMoreData):
            raise RequestError("The body is not framed as its headers say: check Transfer-Encoding.") from None
        finally:
            self._rooms.slots.acquire()

    def _take_room(self) -> None:
        if self._is_large or max(self._length, self._received) <= _LARGE_BYTES:
            return
        self._is_large = self._rooms.large_bodies.acquire(timeout=_ROOM_SECONDS)
        if not self._is_large:
            raise TooManyBodies("Too many large calls arrive at once: send the call again.")


def _in_rooms(app: Callable[..., Iterable[bytes]], rooms: _Rooms) -> Callable[..., Iterable[bytes]]:
    def limited(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"] = body = _Body(environ, rooms)
        with rooms.slots:
            try:
                return app(environ, start_response)
            finally:
                body.leave()

    return limited
