"""Token use in a separate process; a small module, because each process imports it."""

from __future__ import annotations

import time
from pathlib import Path

from cds_service.security.replay import LocalReplayCache, RedisReplayCache

ISSUER = "https://ehr.example.org"


def uses_in_folder(folder: str, tokens: int) -> int:
    """How many of these tokens one process sees for the first time."""
    memory = LocalReplayCache(Path(folder))
    return sum(memory.first_use(ISSUER, str(number), time.time() + 300) for number in range(tokens))


def uses_in_redis(url: str, folder: str, tokens: int) -> int:
    """The same for a separate machine that shares a Redis."""
    Path(folder).mkdir()
    memory = RedisReplayCache(url, LocalReplayCache(Path(folder)))
    return sum(memory.first_use(ISSUER, str(number), time.time() + 300) for number in range(tokens))
