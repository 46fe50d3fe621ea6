"""Faults of FHIR servers, proxies and networks: each answers a request instead of the peer.

`LOSING` faults withhold or corrupt data, so that an answer "nothing found" would be false. After a `HARMLESS` one
all data are still available.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from tests.support.fhir_peer import Exchange, Fault, Peer

Maker = Callable[[Peer], Fault]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"


def _status(status: int, **headers: str) -> Maker:
    return lambda peer: lambda exchange: exchange.outcome(status, **headers)


def _page(peer: Peer, exchange: Exchange, **changes: Any) -> dict[str, Any]:
    """The peer's regular page with changes."""
    sent: list[dict[str, Any]] = []

    class Caught(Exchange):
        def send_json(self, resource: Any, status: int = 200, **headers: str) -> None:
            sent.append(resource)

    caught = Caught.__new__(Caught)
    caught.__dict__.update(exchange.__dict__)
    peer.answer(caught)
    return sent[0] | changes


def _next(link: str | Callable[[Peer, Exchange], str]) -> Maker:
    def make(peer: Peer) -> Fault:
        def answer(exchange: Exchange) -> None:
            url = link if isinstance(link, str) else link(peer, exchange)
            page = _page(peer, exchange)
            if page["resourceType"] == "Bundle":
                page["link"] = [{"relation": "next", "url": url}]
            exchange.send_json(page)

        return answer

    return make


def _later(fault: Maker) -> Maker:
    """The first page is regular; the fault affects the following ones."""

    def make(peer: Peer) -> Fault:
        strike = fault(peer)
        return lambda exchange: (strike if exchange.number > 1 else peer.answer)(exchange)

    return make


def _changed(**changes: Any) -> Maker:
    return lambda peer: lambda exchange: exchange.send_json(_page(peer, exchange, **changes))


def _entries(change: Callable[[list[Any]], list[Any]]) -> Maker:
    def make(peer: Peer) -> Fault:
        def answer(exchange: Exchange) -> None:
            page = _page(peer, exchange)
            exchange.send_json(page | {"entry": change(page.get("entry", []))})

        return answer

    return make


def _body(body: bytes, kind: str = "application/fhir+json", **headers: str) -> Maker:
    return lambda peer: lambda exchange: exchange.send(200, body, kind, **headers)


def _raw(*parts: bytes) -> Maker:
    return lambda peer: lambda exchange: exchange.raw(*parts)


def _hang(peer: Peer) -> Fault:
    def answer(exchange: Exchange) -> None:
        peer.hang()
        exchange.raw()

    return answer


def _drip(head: bytes, drop: bytes) -> Maker:
    """An answer that goes on and on, a little at a time."""

    def make(peer: Peer) -> Fault:
        def answer(exchange: Exchange) -> None:
            exchange.raw(head)
            while not peer.hang(0.05):
                exchange.raw(drop)

        return answer

    return make


def _reset(peer: Peer) -> Fault:
    return lambda exchange: exchange.raw()


def _redirect(peer: Peer) -> Fault:
    return lambda exchange: exchange.send(302, b"", Location=f"{peer.base}/Patient/p1")


def _endless(peer: Peer, exchange: Exchange) -> str:
    return f"{peer.base}{exchange.url.path.removeprefix('/fhir')}?patient=p1&_offset=0&turn={exchange.number}"


def _same_again(peer: Peer, exchange: Exchange) -> str:
    return f"{peer.base}{exchange.url.path.removeprefix('/fhir')}?{exchange.url.query}"


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}
STRANGERS = [
    {"resource": {"resourceType": kind, "id": f"stranger-{n}", name: {"reference": "Patient/stranger"}}}
    for kind, name in (("Condition", "subject"), ("AllergyIntolerance", "patient"), ("Observation", "subject"))
    for n in range(3)
]


@cache
def _bomb() -> bytes:
    return gzip.compress(b'{"resourceType":"Bundle","entry":[' + b" " * 60_000_000 + b"]}", 9)


LOSING: dict[str, Maker] = {
    "status 400": _status(400),
    "status 401": _status(401, WWW_Authenticate="Bearer"),
    "status 403": _status(403),
    "status 404": _status(404),
    "status 410": _status(410),
    "status 429 without a time": _status(429),
    "status 429, come back in a minute": _status(429, Retry_After="60"),
    "status 429, come back on a date": _status(429, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"),
    "status 500": _status(500),
    "status 502": _status(502),
    "status 503": _status(503, Retry_After="1"),
    "status 504": _status(504),
    "status 204": lambda peer: lambda exchange: exchange.send(204, b""),
    "status 206": lambda peer: lambda exchange: exchange.send_json({"resourceType": "Bundle"}, 206),
    "a redirect": _redirect,
    "an OperationOutcome with 200": lambda peer: lambda exchange: exchange.outcome(200),
    "an OperationOutcome among the entries": _entries(lambda entries: [{"resource": OUTCOME}, *entries[:-1]]),
    "an outcome entry": _entries(lambda e: [{"resource": OUTCOME, "search": {"mode": "outcome"}}, *e[:-1]]),
    "a page of HTML with 200": _body(b"<!DOCTYPE html><title>Sign in</title>", "text/html"),
    "another kind of resource": _body(b'{"resourceType":"Basic"}'),
    "a JSON array": _body(b"[]"),
    "JSON null": _body(b"null"),
    "an empty object": _body(b"{}"),
    "an empty body": _body(b""),
    "no JSON": _body(b'{"resourceType":"Bundle",'),
    "100,000 levels deep": _body(b'{"resourceType":"Bundle","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "not UTF-8": _body(b'{"resourceType":"Bundle","type":"\xff\xfe"}' + b"\x80"),
    "a byte order mark": _body(b'\xef\xbb\xbf{"resourceType":"Bundle"}'),
    "a hang": _hang,
    "a connection that ends at once": _reset,
    "a slow drip of the body": _drip(HEAD + b"Content-Length: 999999\r\n\r\n", b" "),
    "a slow drip of the head": _drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "a body cut short": _raw(HEAD + b'Content-Length: 9999\r\n\r\n{"resourceType":"Bundle"}'),
    "chunks cut short": _raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n19\r\n" + b'{"resourceType":"Bundle"}'),
    "no HTTP at all": _raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a head without an end": _raw(HEAD),
    "compression that is none": _body(b'{"resourceType":"Bundle"}', Content_Encoding="gzip"),
    "compression of another kind": _body(b"\x28\xb5\x2f\xfd\x04\x00", Content_Encoding="zstd"),
    "a gzip bomb": lambda peer: _body(_bomb(), Content_Encoding="gzip")(peer),
    "50 MB": lambda peer: lambda exchange: exchange.send(200, b'{"resourceType":"Bundle"}' + b" " * 50_000_000),
    "half of the entries, with the whole total": _entries(lambda entries: entries[: len(entries) // 2]),
    "an entry without a resource": _entries(lambda entries: [{"fullUrl": "urn:x"}, *entries[1:]]),
    "an entry that is null": _entries(lambda entries: [None, *entries[1:]]),
    "resources of other patients only": _entries(lambda entries: STRANGERS),
    "resources of other patients as well": _entries(lambda entries: [*entries[:-1], *STRANGERS]),
    "401 in the middle": _later(_status(401)),
    "500 in the middle": _later(_status(500)),
    "a hang in the middle": _later(_hang),
    "HTML in the middle": _later(_body(b"<html>", "text/html")),
    "an OperationOutcome in the middle": _later(lambda peer: lambda exchange: exchange.outcome(200)),
    "a next link to another host": _next("http://fhir.example.org/Condition?page=2"),
    "a next link to another port": _next("http://127.0.0.1:9/fhir/Condition?page=2"),
    "a next link to another scheme": _next("file:///etc/passwd"),
    "a next link with a user": _next(lambda peer, exchange: peer.base.replace("http://", "http://x@") + "/Condition"),
    "an empty next link": _next(""),
    "a next link that is no URL": _next("http://[::1/Condition"),
    "a next link to itself": _next(_same_again),
    "paging without an end": _next(_endless),
}
"""Name -> function that creates the fault for a peer."""

HARMLESS: dict[str, Maker] = {
    "every entry twice": _entries(lambda entries: entries * 2),
    "an included resource of another kind": _entries(
        lambda e: [*e, {"resource": {"resourceType": "Practitioner", "id": "x"}, "search": {"mode": "include"}}]
    ),
    "no total": _changed(total=None),
    "a byte more of white space": lambda peer: (
        lambda exchange: exchange.send(200, b" " + json.dumps(_page(peer, exchange)).encode() + b"\n")
    ),
    "one 503 and then the answer": lambda peer: (
        lambda exchange: exchange.outcome(503) if exchange.number == 1 else peer.answer(exchange)
    ),
    "one reset and then the answer": lambda peer: (
        lambda exchange: exchange.raw() if exchange.number == 1 else peer.answer(exchange)
    ),
    "429 for a moment": lambda peer: (
        lambda exchange: exchange.outcome(429, Retry_After="0") if exchange.number == 1 else peer.answer(exchange)
    ),
    "gzip": lambda peer: (
        lambda exchange: exchange.send(
            200, gzip.compress(json.dumps(_page(peer, exchange)).encode()), Content_Encoding="gzip"
        )
    ),
}
