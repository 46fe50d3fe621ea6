"""Card detail (Markdown) -> HTML for the pages.

Cards carry GitHub Flavored Markdown (CDS Hooks 2.0.1, Card Attributes). Raw HTML stays text, images are left out, and a
link with a scheme that runs something is no link.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def html_of(markdown: str) -> Markup:
    """The text as HTML that holds no markup of its own."""
    return Markup(_renderer().render(markdown))  # noqa: S704  the renderer escapes


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt  # no call shows a page, and a start need not wait for it

    return MarkdownIt("commonmark", {"html": False, "linkify": False}).disable("image")
