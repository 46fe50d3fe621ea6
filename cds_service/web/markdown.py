"""Card detail (Markdown) -> HTML for the pages.

Cards carry GitHub Flavored Markdown (CDS Hooks 2.0.1, Card Attributes). Raw HTML stays text, images are left out, and a
link with a scheme that runs something is no link.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

_RENDERER = MarkdownIt("commonmark", {"html": False, "linkify": False}).disable("image")


def html_of(markdown: str) -> Markup:
    """The text as HTML that holds no markup of its own."""
    return Markup(_RENDERER.render(markdown))  # noqa: S704  the renderer escapes
