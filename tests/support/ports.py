"""Ports of loopback: one for a server that must be told where to listen, and one at which nothing answers."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NEVER_GIVEN = range(10_000, 30_000)
"""The kernel gives connections and servers without a wish ports from 32768 on."""


def free_port() -> int:
    """A port that nothing uses, and that no connection of another test can be given a moment later."""
    choose = random.SystemRandom()
    while True:
        port = choose.choice(_NEVER_GIVEN)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections for as long as the context lasts: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
