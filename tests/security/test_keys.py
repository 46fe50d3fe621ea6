"""The keys of clients: what a JWK Set file must not contain, and how published keys are fetched."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cds_service.security.keys import KeySetError, RemoteKeySet, fetch_jwks, read_jwks_file
from tests.security.conftest import NORTH
from tests.support.ehr import private_jwk, private_key, public_jwk
from tests.support.key_server import KeyServer, key_server
from tests.support.waiting import PATIENCE, until

GOOD = NORTH.jwks()["keys"][0]
NEW = public_jwk(private_key("P-384", 1), "key-2")


def written(folder: Path, *keys: Any) -> Path:
    """A file with a JWK Set of these keys."""
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": list(keys)}), "utf-8")
    return path


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (GOOD, ("ES384",)),
        (public_jwk(private_key("P-256"), "k"), ("ES256",)),
        (public_jwk(private_key("RSA"), "k"), ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (public_jwk(private_key("RSA"), "k", alg="RS384", use="sig", key_ops=["verify"]), ("RS384",)),
    ],
    ids=["P-384", "P-256", "RSA", "RSA for RS384"],
)
def test_a_key_signs_by_what_fits_it(tmp_path: Path, key: dict[str, Any], algorithms: tuple[str, ...]) -> None:
    """A key is used with the algorithms of its type, or only with its `alg` if it has one."""
    found = read_jwks_file(written(tmp_path, key)).find(key["kid"])
    assert found is not None
    assert found.algorithms == algorithms


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([private_jwk(private_key("P-384"), "k")], "key number 1 holds a secret"),
        ([GOOD, private_jwk(private_key("RSA"), "k")], "key number 2 holds a secret"),
        ([{"kty": "oct", "kid": "k", "k": "c2VjcmV0"}], "holds a secret"),
        ([{"kty": "oct", "kid": "k"}], "fits no supported algorithm"),
        ([GOOD | {"crv": "P-999"}], "fits no supported algorithm"),
        ([GOOD | {"alg": "ES256"}], "fits no supported algorithm"),
        ([GOOD | {"alg": "none"}], "fits no supported algorithm"),
        ([{name: value for name, value in GOOD.items() if name != "kid"}], "has no kid"),
        ([GOOD | {"use": "enc"}], "is not for signatures"),
        ([GOOD | {"key_ops": ["sign"]}], "is not for signatures"),
        ([GOOD | {"x": "AAAA"}], "can't be read"),
        ([GOOD | {"x": 7}], "can't be read"),
        ([GOOD, GOOD], 'holds the kid "key-1" twice'),
        ([public_jwk(private_key("short RSA"), "k")], "is too short"),
        (["key"], "is not an object"),
        ([], "is not a JWK Set"),
    ],
)
def test_a_wrong_file_of_keys_is_named_with_its_remedy(tmp_path: Path, keys: list[Any], message: str) -> None:
    """A private, unsuitable, weak or malformed key stops the start; the message never shows the key."""
    with pytest.raises(KeySetError) as problem:
        read_jwks_file(written(tmp_path, *keys))
    assert message in str(problem.value)
    assert not any(str(key.get("d")) in str(problem.value) for key in keys if isinstance(key, dict))


@pytest.mark.parametrize("text", ["", "{}", "[]", "keys", '{"keys": {}}', "\ufeff{}", "[" * 100_000])
def test_what_is_no_set_of_keys_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is not a JWK Set is rejected with a message that shows the expected form."""
    path = tmp_path / "keys.json"
    path.write_text(text, "utf-8")
    with pytest.raises(KeySetError, match="is not a JWK Set"):
        read_jwks_file(path)


@pytest.fixture
def published(tmp_path: Path) -> Iterator[KeyServer]:
    """A server that publishes the keys of NORTH."""
    with key_server(tmp_path) as server:
        server.publish(NORTH.jwks())
        yield server


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """The current time in seconds."""
        return self.seconds


def test_published_keys_are_fetched_once_and_kept(published: KeyServer) -> None:
    """The first token of a client fetches its keys; for an hour further tokens need no request."""
    clock = Clock()
    keys = RemoteKeySet(published.url, ca_file=published.ca_file, clock=clock)
    assert [keys.find("key-1") is not None for _ in range(3)] == [True] * 3
    assert len(published.asked) == 1
    clock.seconds += 3601
    assert keys.find("key-1") is not None
    assert len(published.asked) == 2


def test_an_unknown_key_is_looked_for_at_most_once_a_minute(published: KeyServer) -> None:
    """A new key works within a minute, and forged key ids can't make the service send many requests."""
    clock = Clock()
    keys = RemoteKeySet(published.url, ca_file=published.ca_file, clock=clock)
    assert keys.find("key-2") is None
    published.publish({"keys": [GOOD, NEW]})
    assert [keys.find(f"forged-{number}") for number in range(20)] == [None] * 20
    assert keys.find("key-2") is None
    assert len(published.asked) == 1
    clock.seconds += 61
    assert keys.find("key-2") is not None
    assert len(published.asked) == 2


def test_a_key_that_is_no_longer_published_goes(published: KeyServer) -> None:
    """A key that the EHR withdrew is rejected after the next fetch."""
    clock = Clock()
    keys = RemoteKeySet(published.url, ca_file=published.ca_file, clock=clock)
    assert keys.find("key-1") is not None
    published.publish({"keys": [NEW]})
    clock.seconds += 3601
    assert keys.find("key-1") is None


def test_while_the_keys_can_not_be_fetched_the_old_ones_serve_for_a_day(
    published: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """During an outage of the EHR's key server the cached keys work for a day, with one attempt per minute."""
    clock = Clock()
    keys = RemoteKeySet(published.url, ca_file=published.ca_file, clock=clock)
    assert keys.find("key-1") is not None
    published.status = 503
    clock.seconds += 3601
    assert [keys.find("key-1") is not None for _ in range(3)] == [True] * 3
    assert len(published.asked) == 2
    assert "answered 503" in caplog.text
    clock.seconds += 86_400
    assert keys.find("key-1") is None
    assert len(published.asked) == 3


def test_a_fetch_that_fails_counts_as_a_try(published: KeyServer) -> None:
    """A failed fetch counts as an attempt: tokens cause one request per minute, not one each."""
    published.status = 500
    keys = RemoteKeySet(published.url, ca_file=published.ca_file, clock=Clock())
    assert [keys.find("key-1") for _ in range(5)] == [None] * 5
    assert len(published.asked) == 1


def test_many_threads_fetch_once(published: KeyServer) -> None:
    """Many concurrent first calls cause one request, and all of them get the key."""
    published.gate.clear()
    keys = RemoteKeySet(published.url, ca_file=published.ca_file)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(keys.find, "key-1") for _ in range(8)]
        published.gate.set()
        assert all(each.result() for each in found)
    assert len(published.asked) == 1


def test_a_known_key_does_not_wait_for_a_slow_server(published: KeyServer) -> None:
    """While one thread refreshes the keys from a slow server, the others use the cached ones."""
    clock = Clock()
    keys = RemoteKeySet(published.url, ca_file=published.ca_file, clock=clock)
    assert keys.find("key-1") is not None
    published.gate.clear()
    clock.seconds += 3601
    slow = threading.Thread(target=keys.find, args=["key-1"])
    slow.start()
    until(lambda: len(published.asked) == 2, "the second request")
    assert keys.find("key-1") is not None
    assert slow.is_alive()
    published.gate.set()
    slow.join()


def test_a_secret_that_is_published_is_left_out(published: KeyServer, caplog: pytest.LogCaptureFixture) -> None:
    """A private key in a published set is not used, because anyone may have it; the other keys are. The log says so."""
    published.publish({"keys": [GOOD, private_jwk(private_key("P-384", 1), "key-2"), "x"]})
    assert set(fetch_jwks(published.url, published.ca_file)) == {"key-1"}
    assert "key number 2 holds a secret" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": 302, "headers": {"Location": "/other.json"}}, "answered 302"),
        ({"status": 404}, "answered 404"),
        ({"body": b"<html>"}, "is not a JWK Set"),
        ({"body": b'{"keys": [{"kty": "oct", "k": "x"}]}'}, "holds no usable key"),
        ({"body": b" " * 300_000}, "is larger than 262144 bytes"),
        ({"headers": {"Content-Length": "9"}, "body": b"{"}, ""),
    ],
    ids=["redirect", "404", "HTML", "nothing usable", "huge", "cut off"],
)
def test_what_is_not_a_set_of_keys_gives_no_key(published: KeyServer, changes: dict[str, Any], message: str) -> None:
    """A redirect, an error, a web page, a huge or a slow response gives no key, but soon a reason."""
    for name, value in changes.items():
        setattr(published, name, value)
    with pytest.raises(KeySetError) as problem:
        fetch_jwks(published.url, published.ca_file)
    assert message in str(problem.value)
    assert len(published.asked) == 1


def test_an_answer_that_goes_on_and_on_gives_no_key(published: KeyServer) -> None:
    """A server that sends its keys drop by drop is given up after some time, and the reason is said."""
    published.body, published.drip = b'{"keys": []}' + b" " * 6000, 0.02
    start = time.monotonic()
    with pytest.raises(KeySetError, match=r"took longer than 0\.5 seconds"):
        fetch_jwks(published.url, published.ca_file, seconds=0.5)
    assert time.monotonic() - start < PATIENCE / 2  # the whole answer would take twice as long


def test_the_server_of_keys_must_be_who_it_says(published: KeyServer) -> None:
    """Keys from a server without a trusted certificate are not used."""
    with pytest.raises(KeySetError, match=r"could not be fetched \(SSLError\)"):
        fetch_jwks(published.url)
    assert published.asked == []


def test_nothing_of_the_environment_is_used(published: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy set in the environment is not used: only the registration counts."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert set(fetch_jwks(published.url, published.ca_file)) == {"key-1"}


def test_published_keys_open_the_service(published: KeyServer) -> None:
    """Tokens are verified with published keys exactly as with keys from a file."""
    key = RemoteKeySet(published.url, ca_file=published.ca_file).find("key-1")
    assert key is not None
    assert key.public_key.public_numbers() == NORTH.key.public_key().public_numbers()
