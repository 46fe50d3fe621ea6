"""What reads the resources is made when the stage is loaded: two threads that make it at once crash the process."""

from __future__ import annotations

import pytest

from cds_service.facts import extract, resources

assert extract  # loads all readers


@pytest.mark.parametrize("kind", resources.Resource.__subclasses__(), ids=lambda kind: kind.__name__)
def test_the_decoder_of_a_kind_is_there_before_the_first_call(kind: type[resources.Resource]) -> None:
    """It is not made in a call."""
    before = resources._decoder.cache_info().misses
    resources._decoder(kind)
    assert resources._decoder.cache_info().misses == before
