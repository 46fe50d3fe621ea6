"""Replay protection: each token is accepted once, across threads, processes and machines that share the cache."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
import redis

from cds_service.errors import SettingError
from cds_service.knowledge.tables import Knowledge
from cds_service.security.replay import LocalReplayCache, RedisReplayCache
from cds_service.settings import Settings
from cds_service.web.app import create_app
from tests.security.conftest import NORTH, StartService
from tests.support.calls import NOTHING_RECORDED, a_call
from tests.support.ports import closed_port
from tests.support.redis_server import running_redis
from tests.support.token_users import ISSUER, uses_in_folder, uses_in_redis


def test_a_token_counts_once_in_all_threads(tmp_path: Path) -> None:
    """Of many concurrent calls with the same token one is accepted."""
    memory = LocalReplayCache(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: memory.first_use(ISSUER, "1", time.time() + 300), range(200)))
    assert seen.count(True) == 1


def test_a_token_counts_once_in_all_processes_of_a_machine(tmp_path: Path) -> None:
    """Processes on one machine share the folder: three of them together accept each of 500 tokens once."""
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        assert sum(pool.map(uses_in_folder, [str(tmp_path)] * 3, [500] * 3)) == 500


def test_a_file_that_can_not_be_used_refuses_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If used tokens can't be stored, valid tokens are accepted all the same, and the log says so."""
    (tmp_path / "used-tokens.sqlite3").write_bytes(b"no database at all, and long enough to be read as one" * 20)
    assert LocalReplayCache(tmp_path).first_use(ISSUER, "1", time.time() + 300)
    assert "can't be remembered: DatabaseError" in caplog.text


def test_tokens_of_two_issuers_are_two_tokens(tmp_path: Path) -> None:
    """The same token id from two issuers is two tokens, even if issuer and id join to the same text."""
    memory = LocalReplayCache(tmp_path)
    pairs = [("https://a", "bc"), ("https://ab", "c"), ("https://a", "b"), ("https://a", "../../etc/x")]
    assert [memory.first_use(*pair, time.time() + 300) for pair in pairs] == [True] * 4


def test_what_has_expired_is_forgotten(tmp_path: Path) -> None:
    """Expired tokens are deleted; tokens that are still valid are not."""
    memory = LocalReplayCache(tmp_path, sweep_seconds=0)
    now = time.time()
    assert memory.first_use(ISSUER, "old", now - 100)
    assert memory.first_use(ISSUER, "good", now + 100)
    assert memory.first_use(ISSUER, "next", now + 100)
    assert memory.first_use(ISSUER, "old", now + 100)
    assert not memory.first_use(ISSUER, "good", now + 100)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of its own on a free port."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


def test_a_token_counts_once_on_all_machines_that_share_a_redis(redis_url: str, tmp_path: Path) -> None:
    """Two processes that share only a Redis together accept each of 300 tokens once."""
    folders = [str(tmp_path / name) for name in "ab"]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert sum(pool.map(uses_in_redis, [redis_url] * 2, folders, [300] * 2)) == 300


def test_redis_forgets_when_the_token_has_expired(redis_url: str, tmp_path: Path) -> None:
    """The keys in Redis reveal neither issuer nor token, and expire."""
    memory = RedisReplayCache(redis_url, LocalReplayCache(tmp_path))
    assert memory.first_use(ISSUER, "secret-id", time.time() + 10_000)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        names = [name for name in client.scan_iter("cds:jti:*") if 9_000 < client.ttl(name) <= 10_001]
    assert len(names) == 1
    assert "secret-id" not in names[0]


def test_a_replay_on_another_machine_is_refused(redis_url: str, start_service: StartService) -> None:
    """A token used on one machine of the service is rejected on another."""
    headers = NORTH.bearer(tenant="ward-1")
    here, there = (start_service(used_tokens_folder=name, redis_url=redis_url) for name in ("here", "there"))
    call = a_call(prefetch=NOTHING_RECORDED)
    answers = [each.post("/cds-services/ir-order-sign", json=call, headers=headers) for each in (here, there, there)]
    assert [answer.status_code for answer in answers] == [200, 401, 401]


def test_without_redis_the_service_goes_on_and_says_so(
    tmp_path: Path, start_service: StartService, caplog: pytest.LogCaptureFixture
) -> None:
    """If Redis stops, calls are still answered, and replays on this machine are still rejected."""
    with running_redis(tmp_path) as url:
        service = start_service(redis_url=url)
        call, headers = a_call(prefetch=NOTHING_RECORDED), NORTH.bearer(tenant="ward-1")
        assert service.post("/cds-services/ir-order-sign", json=call, headers=headers).status_code == 200
    headers = NORTH.bearer(tenant="ward-1")
    answers = [service.post("/cds-services/ir-order-sign", json=call, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert "Redis does not answer" in caplog.text


def test_the_service_starts_without_its_redis(start_service: StartService) -> None:
    """The service starts and answers while its Redis is not running."""
    call, headers = a_call(prefetch=NOTHING_RECORDED), NORTH.bearer(tenant="ward-1")
    with closed_port() as port:
        service = start_service(redis_url=f"redis://127.0.0.1:{port}/0")
        assert service.post("/cds-services/ir-order-sign", json=call, headers=headers).status_code == 200


@pytest.mark.parametrize("registered", [True, False])
def test_without_the_redis_client_the_start_says_what_to_install(
    start_service: StartService, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch, registered: bool
) -> None:
    """If CDS_REDIS_URL is set but the Redis client is missing, the start fails and says what to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    url = "redis://127.0.0.1/0"
    start = (
        partial(start_service, redis_url=url) if registered else partial(create_app, Settings(redis_url=url), knowledge)
    )
    with pytest.raises(SettingError, match="install the extra `redis`"):
        start()


def test_a_redis_url_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    """A wrong Redis URL stops the start with the setting's name, without quoting a password."""
    with pytest.raises(SettingError, match="CDS_REDIS_URL") as error:
        RedisReplayCache("redis://:hunter2@host:port/0", LocalReplayCache(tmp_path))
    assert "hunter2" not in error.value.message
