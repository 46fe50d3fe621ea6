"""What reads the resources is made when the stage is loaded: two threads that make it at once crash the process."""

from __future__ import annotations

import pytest

from cds_service.facts import extract, resources

assert extract  # loads all readers


@pytest.mark.parametrize("kind", resources.Resource.__subclasses__(), ids=lambda kind: kind.__name__)
def test_the_decoders_of_a_kind_are_there_before_the_first_call(kind: type[resources.Resource]) -> None:
    """Neither the decoder of one resource nor that of a list is made in a call."""
    for made in (resources._decoder, resources._list_decoder):
        before = made.cache_info().misses
        made(kind)
        assert made.cache_info().misses == before
