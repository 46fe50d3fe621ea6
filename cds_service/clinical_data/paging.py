"""One search at a FHIR server, followed from page to page; it stops early rather than follow a link astray.

Stopping early leaves a gap: what was read counts, and what was not found stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from cds_service.clinical_data.bundles import Page, read_page
from cds_service.clinical_data.fhir_server import Refusal
from cds_service.clinical_data.searches import Query
from cds_service.reasons import Reason

Ask = Callable[[str, int], bytes | Refusal]
"""A URL and the most bytes to take -> the answer."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f\\]")


class Search(msgspec.Struct):
    """A query with the pages that came so far. One thread fills it, and another may look at the deadline.

    `pages` may begin with one that was sent; `gap` says why the search ended early; `status` is the HTTP status of a
    refusal.
    """

    data: str
    query: Query
    pages: list[Page] = msgspec.field(default_factory=list)
    gap: Reason | None = None
    status: int | None = None
    done: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything that the server has for the query was read."""
        return self.done and self.gap is None


def follow(search: Search, base: str, ask: Ask, most_pages: int, most_bytes: int) -> Search:
    """Ask for every page of a search; of one that already has a page, for those that follow it.

    Args:
        search: filled page by page.
        base: base URL of the server, without a slash at the end.
        ask: makes one request.
        most_pages: after so many pages the rest stays unread.
        most_bytes: the same for the sum of their sizes.
    """
    url: str | Reason | None = search.query.url(base)
    if search.pages:
        url = _onward(search.pages[-1], str(url), base)
    visited: set[str] = set()
    left = most_bytes
    while isinstance(url, str):
        if url in visited or len(visited) == most_pages:
            url = Reason("fhir-too-many-pages")
            break
        visited.add(url)
        answer = ask(url, left)
        if isinstance(answer, Refusal):
            search.status, url = answer.status, answer.reason
            break
        left -= len(answer)
        # The decoder checks only the texts that it reads; what is broken must not wait for a later stage.
        page = read_page(search.data, answer) if _is_utf8(answer) else None
        problem = _problem(page, search.query)
        if page is None or problem is not None:
            url = problem
            break
        search.pages.append(page)
        url = _onward(page, url, base)
    search.gap = url
    search.done = True
    return search


def _is_utf8(answer: bytes) -> bool:
    try:
        answer.decode()
    except UnicodeDecodeError:
        return False
    return True


def _problem(page: Page | None, query: Query) -> Reason | None:
    """Why an answer is not what was asked for, although the server was content with it."""
    if page is None:
        return Reason("fhir-not-fhir")
    if page.resource_type == "OperationOutcome":
        return Reason("fhir-outcome")
    is_answer = page.resource_type == "Bundle" and page.answers_a_search
    return Reason("fhir-not-fhir") if query.is_search and not is_answer else None


def _onward(page: Page, asked: str, base: str) -> str | Reason | None:
    """Where a page goes on, None for the last one, or why that link is not followed."""
    if page.next_url is None:
        return None
    found = next_url(page.next_url, asked, base)
    return found if found is not None else Reason("fhir-foreign-page")


def next_url(link: str, asked: str, base: str) -> str | None:
    """The absolute URL of a next link; None for one that leads to another server, or nowhere.

    The token of the call goes along, so only the scheme, host and port of the FHIR server are acceptable.

    Args:
        link: as given; relative ones are understood, to the request or to the base URL.
        asked: the URL of the page that gave it.
        base: base URL of the FHIR server.
    """
    if not link or _NOT_IN_A_URL.search(link):
        return None
    try:
        parts, home = urlsplit(urljoin(asked, link)), urlsplit(base)
        if parts.username is not None or _origin(parts) != _origin(home):
            return None
    except ValueError:
        return None
    if link.startswith("/") and not link.startswith("//") and not f"{parts.path}/".startswith(f"{home.path}/"):
        return base + link.partition("#")[0]
    return parts._replace(fragment="").geturl()


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
