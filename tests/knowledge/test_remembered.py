"""What codes and texts mean is remembered from call to call; long texts, which may name somebody, are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_service.knowledge.remembered import with_memory
from tests.support.shipped import shipped_knowledge


class Counting:
    """A reader that knows what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def read(self, text: str) -> str:
        """The text, in capitals."""
        self.asked.append(text)
        return text.upper()


@pytest.mark.parametrize(("text", "times"), [("Hives", 1), ("Hives after CT, told by her sister. " * 10, 2)])
def test_a_short_text_is_read_once_and_a_long_one_each_time(text: str, times: int) -> None:
    """A memory changes what an answer costs, never the answer, and keeps no text that is somebody's own words."""
    reader: Any = Counting()
    knowledge: Any = with_memory(replace(shipped_knowledge(), allergy_texts=reader))
    assert [knowledge.allergy_texts.read(text) for _ in range(2)] == [text.upper()] * 2
    assert reader.asked == [text] * times
