"""A small table that all worker processes of a service share: what one of them did a moment ago.

Made before the workers fork. It holds hashes and numbers in a fixed number of places; a new entry may replace another,
and what is not found is not known. So it can only help, never decide alone.
"""

from __future__ import annotations

import hashlib
import mmap
import struct

_PLACES = 16_384
_DIGEST_BYTES = 16
_ENTRY = struct.Struct(f"{_DIGEST_BYTES}sd")


class SharedTable:
    """Texts -> a number, shared by this process and those forked later. Needs no lock: a torn entry matches no key."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _PLACES * _ENTRY.size)

    def put(self, number: float, *key: str) -> None:
        """Remember a number for a key; 0 means none."""
        digest = _digest(key)
        start = _place(digest)
        self._memory[start : start + _ENTRY.size] = _ENTRY.pack(digest, number)

    def get(self, *key: str) -> float:
        """The number of a key; 0 if there is none, or another entry took its place."""
        digest = _digest(key)
        found, number = _ENTRY.unpack_from(self._memory, _place(digest))
        return float(number) if found == digest else 0.0


def _digest(key: tuple[str, ...]) -> bytes:
    text = "\0".join(key).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()


def _place(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "little") % _PLACES * _ENTRY.size
