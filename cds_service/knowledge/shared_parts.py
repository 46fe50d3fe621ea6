"""The parts of the tables that take long to make: what is in use already is taken where it would be made of the same.

A site changes a few rows, and leaves the readers of texts as they are: most of the time that loading takes. What a part
is made of is all given to its maker and compared by a hash of its contents, so nothing can be forgotten. No part can be
changed, and none is kept longer than tables that hold it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import msgspec

P = ParamSpec("P")
T = TypeVar("T")

_IN_USE: WeakValueDictionary[bytes, Any] = WeakValueDictionary()
_HASHES: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()


def shared(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `make` gives for these arguments; the same object as before, as long as that is in use.

    Args:
        make: a class or function whose result depends on its arguments alone, and changes no answer later.
        args: rows of the tables, types of the tables, and other shared parts.
        kwargs: the same.

    Raises:
        TypeError: an argument of a type of which no hash is known; give it as rows.
    """
    digest = hashlib.sha256(_ENCODER.encode([make.__module__, make.__qualname__, args, kwargs])).digest()
    part = _IN_USE.get(digest)
    if part is None:
        part = _IN_USE.setdefault(digest, make(*args, **kwargs))
        _HASHES[part] = digest
    found: T = part
    return found


def _contents(value: Any) -> Any:
    """What makes a value different from others of its type, for what JSON has no type for."""
    if isinstance(value, re.Pattern):
        return [value.pattern, value.flags]
    if (digest := _HASHES.get(value)) is not None:
        return digest.hex()
    raise TypeError(f"{type(value).__name__}: is no row and no shared part")


_ENCODER = msgspec.json.Encoder(enc_hook=_contents)
