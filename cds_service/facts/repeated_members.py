"""JSON objects that give a member twice: a decoder would keep one of the two and lose the other unseen."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CONTAINERS = b"{["


def any_repeats_a_member(resources: Sequence[bytes]) -> bool:
    """Whether any of the resources does; what they have in common (a status, a category) is looked at once."""
    plain: set[bytes] = set()
    for body in resources:
        members = _members.decode(body)
        length = sum(map(len, members)) + sum(map(len, members.values())) + 4 * len(members) + 1
        if length != len(body):  # a member is lost, or the text has blanks
            if repeats_a_member(body):
                return True
            continue
        for member in map(bytes, members.values()):
            if member[0] in _CONTAINERS and member not in plain:
                if repeats_a_member(member):
                    return True
                plain.add(member)
    return False


def repeats_a_member(body: bytes) -> bool:
    """Whether an object in a JSON text gives a member twice, so that a decoder would lose one of the two unseen.

    Compared without walking the objects: written again, a text with a lost member has fewer names.
    """
    try:
        again = msgspec.json.encode(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        return False  # the decoder that reads it says what is wrong
    if again == body:
        return False  # most clients write JSON without blanks; to count takes as long as to decode
    return body.count(b'":') + body.count(b'" :') > again.count(b'":') + again.count(b'" :')
