"""What is read of every line: many at once say what each of them says alone, and nothing broken passes."""

from __future__ import annotations

from zlib import crc32

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.population.lines import UNREADABLE, patient_in, plain_ids, read_head, read_heads
from cds_service.population.wanted import Wanted

IDS = st.text("aZ0-./|#? \n\u00e4", max_size=70) | st.just("p1")
REFERENCES = st.builds(
    str.__add__,
    st.sampled_from(["Patient/", "https://x.example/fhir/Patient/", "urn:uuid:", "Group/", "", "Patient/p/_history/"]),
    IDS,
).filter(bool)
MEMBERS = [
    "1",
    "01",
    "-",
    "NaN",
    '"\\ud800"',
    '"\\x"',
    '"\x01"',
    "[1,]",
    '{"a":1,}',
    "tru",
    "1 2",
    '"a',
    "\t1",
    "null",
]


@given(st.lists(REFERENCES, min_size=1, max_size=4) | REFERENCES.map(lambda one: [one] * 3))
def test_ids_of_many_references_are_those_of_each(references: list[str]) -> None:
    """Where references are read at once, each gives what it gives alone."""
    found = plain_ids(references)
    assert found is None or [name.decode() for name in found] == [patient_in(one) for one in references]


@given(
    st.lists(REFERENCES, max_size=4),
    st.sampled_from([Wanted(["p1", "a.Z"]), Wanted(table=bytes(place == crc32(b"p1") % 8 for place in range(8)))]),
)
def test_nobody_who_is_wanted_is_passed_over(references: list[str], wanted: Wanted) -> None:
    """However references are written: those of a patient whose record is kept are found, and those of nobody."""
    references = [*references, "Patient/p1"]
    asked = wanted.among(references)
    owners = {place: owner for place, one in enumerate(references) if (owner := patient_in(one)) is not None}
    assert {place for place, owner in owners.items() if wanted.holds(owner.encode())} <= {*asked}
    assert {*range(len(references))} - owners.keys() <= {*asked}


@pytest.mark.parametrize("before", ["Patient/", "https://x.example/fhir_r4/Patient/"])
def test_references_of_one_server_are_read_at_once(before: str) -> None:
    """However a server writes its references, they are read the short way."""
    assert plain_ids([f"{before}a-1", f"{before}B.2/_history/1"]) == [b"a-1", b"B.2"]


@given(st.lists(st.sampled_from(MEMBERS) | st.binary(max_size=4).map(lambda b: b.decode("latin-1")), max_size=3))
def test_a_line_passes_if_it_is_json(members: list[str]) -> None:
    """What nothing reads of a line is checked as well: JSON, UTF-8, nothing behind it."""
    texts = [f'"m{number}":{member}' for number, member in enumerate(members)]
    line = ('{"resourceType":"Basic"' + "".join(f",{text}" for text in texts) + "}\n").encode("latin-1")
    assert is_read(line) == is_json(line)
    heads = read_heads([b'{"resourceType":"Basic"}\n', line])
    assert heads is None or (len(heads) == 2 and is_json(line))


def is_read(line: bytes) -> bool:
    """Whether it has a head."""
    try:
        read_head(line)
    except UNREADABLE:
        return False
    return True


def is_json(line: bytes) -> bool:
    """Whether another reader takes it."""
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
