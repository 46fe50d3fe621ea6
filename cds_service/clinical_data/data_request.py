"""One kind of data at one FHIR server: what is asked, what is asked again, and when an answer is believed.

A request runs in a thread of its own; at the deadline it is cut off, and what it has read by then still counts.
Which answers are believed: docs/decisions/0006-reading-fhir-servers.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import msgspec
from msgspec.structs import replace

from cds_service.clinical_data.bundles import Page, collect, merged
from cds_service.clinical_data.connections import AbortHandle, use_abort_handle
from cds_service.clinical_data.paging import Ask, Search, follow
from cds_service.clinical_data.retrieved import RetrievedData, Unavailable, missing
from cds_service.clinical_data.searches import REFUSALS, Query, checks, simpler
from cds_service.kinds import KINDS
from cds_service.reasons import Reason

_CODES_THAT_PROVE = 2
_SERVERS_REMEMBERED = 256
GONE = (404, 410)
"""Statuses of a read: the server has no such resource."""
_NOT_GIVEN = {*REFUSALS, 403}
_STRANGE = {
    "other-patient": "fhir-other-patients",
    "unclear-patient": "unclear-patient",
    "wrong-type": "wrong-type",
}
"""Reason of an entry -> reason of the whole answer."""


class FetchLimits(msgspec.Struct, frozen=True):
    """How much of a server one call takes: seconds in all; pages, and bytes (decompressed), of each search."""

    deadline: float = 3.0
    pages: int = 50
    most_bytes: int = 20_000_000


class DataQuery(msgspec.Struct, frozen=True):
    """One kind of data to ask for: one search, or any number of reads.

    `after` is the page that prefetch ended with; the search then goes on behind it.
    """

    data: str
    types: tuple[str, ...]
    queries: tuple[Query, ...]
    after: Page | None = None
    beside: tuple[Query, ...] = ()
    """Searches that are asked as well; one that the server does not know leaves no gap."""

    @property
    def is_search(self) -> bool:
        """Whether it is a search from its first page on."""
        return self.after is None and any(query.is_search for query in self.queries)


class Proven:
    """Which ways of asking have found something at which server; until then "nothing found" says little."""

    def __init__(self) -> None:
        self._ways: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def has(self, server: str, way: str) -> bool:
        """Whether a way of asking has proven itself at a server."""
        return way in self._ways.get(server, ())

    def add(self, server: str, way: str) -> None:
        """Remember it, for as long as the process lives or until many other servers were asked."""
        with self._lock:
            self._ways[server] = self._ways.pop(server, frozenset()) | {way}
            while len(self._ways) > _SERVERS_REMEMBERED:
                del self._ways[next(iter(self._ways))]


class DataRequest:
    """What is found out about one kind of data."""

    def __init__(self, wanted: DataQuery, server: str, ask: Ask, limits: FetchLimits, proven: Proven) -> None:
        """Asks nothing yet; `server` is a base URL without a slash at the end."""
        self.wanted = wanted
        self.seconds = 0.0
        self._server = server
        self._ask = ask
        self._limits = limits
        self._proven = proven
        self._abort_handle = AbortHandle()
        self._searches: list[Search] = []
        self._used: tuple[Search, ...] | None = None

    def run(self) -> None:
        """Ask; in a thread of its own."""
        use_abort_handle(self._abort_handle)
        started = time.monotonic()
        self._used = self._answered()
        self.seconds = time.monotonic() - started

    def cut(self) -> None:
        """Free the thread, whatever it is waiting for."""
        self._abort_handle.cut()

    def retrieved(self, patient_id: str) -> RetrievedData:
        """What was retrieved, and what was not; of a request that was cut off, what it has read so far."""
        data, answered = self.wanted.data, self._used  # once: its thread may be done a moment later
        used = answered if answered is not None else tuple(self._searches)
        if answered is None and not any(search.pages for search in used):
            return missing(data, "fhir-timeout")
        cut = () if answered is not None else (Unavailable(data, Reason("fhir-timeout")),)
        found = [self._read(search, patient_id, cut) for search in used]
        return _without_strangers(data, merged(found))

    def _read(self, search: Search, patient_id: str, gaps: Collection[Unavailable]) -> RetrievedData:
        data, query = self.wanted.data, search.query
        named = None if query.is_search else query.path
        if search.gap is not None and not gaps:
            gaps = () if data == "orders" and search.status in GONE else (Unavailable(data, search.gap, named),)
        if not search.pages and gaps:
            return RetrievedData((), obtained=False, unavailable=tuple(gaps), source="fhir")
        return collect(data, list(search.pages), self.wanted.types, patient_id, gaps, source="fhir")

    def _answered(self) -> tuple[Search, ...]:
        """The searches that the answer rests on."""
        beside = (self._search_somehow(query) for query in self.wanted.beside)
        return (*self._main(), *(one for one in beside if one.pages or one.status not in _NOT_GIVEN))

    def _main(self) -> tuple[Search, ...]:
        first, *others = self.wanted.queries
        if self.wanted.after is not None:
            return (self._follow(Search(self.wanted.data, first, [self.wanted.after])),)
        if not first.is_search:
            return tuple(self._search(query) for query in (first, *others))
        search = self._search_somehow(first)
        return self._checked(search) if first.codes else (search,)

    def _search(self, query: Query) -> Search:
        return self._follow(Search(self.wanted.data, query))

    def _follow(self, search: Search) -> Search:
        self._searches.append(search)
        return follow(search, self._server, self._ask, self._limits.pages, self._limits.most_bytes)

    def _search_somehow(self, query: Query) -> Search:
        """A search, asked in simpler words as long as the server refuses it."""
        first = search = self._search(query)
        for words in simpler(query):
            if search.pages or search.status not in REFUSALS:
                break
            search = self._search(words)
        return search if search.pages else first

    def _checked(self, search: Search) -> tuple[Search, ...]:
        """A search by codes, checked by others where it has not yet proven itself at this server."""
        codes = search.query.codes
        if self._proven.has(self._server, "codes") or not (search.complete or search.status in REFUSALS):
            return (search,)
        mine = _reported(search, codes)
        if len({code for _, code in mine}) >= min(_CODES_THAT_PROVE, len(codes)):
            self._proven.add(self._server, "codes")
            return (search,)
        for_part, for_all = checks(search.query, KINDS[self.wanted.data].code_checks)
        part = self._search_somehow(for_part)
        agrees = search.complete and part.complete and _reported(part, codes) <= mine
        if agrees and mine and _reported(part, codes):
            return (search,)
        whole = self._search_somehow(for_all)
        if agrees and not whole.pages and whole.status in _NOT_GIVEN:
            return (search,)
        if whole.complete:
            return (*(one for one in (search, part) if one.complete), whole)
        whole.gap = Reason("fhir-not-believed")
        return (search, part, whole)


class _Code(msgspec.Struct):
    code: str | None = None


class _Codings(msgspec.Struct):
    coding: list[_Code | None] | None = None


class _Part(msgspec.Struct):
    code: _Codings | None = None


class _Result(msgspec.Struct):
    """The codes of an Observation and of its components."""

    id: str | None = None
    code: _Codings | None = None
    component: list[_Part] | None = None


def _reported(search: Search, codes: Collection[str]) -> set[tuple[str | None, str]]:
    """(id, code) of every resource found that reports one of the codes."""
    found = set()
    for entry in (entry for page in search.pages for entry in page.entries):
        try:
            result = msgspec.json.decode(entry.body, type=_Result)
        except (msgspec.DecodeError, RecursionError):
            continue  # not lost: it becomes a gap when the pages are read
        for part in (result, *(result.component or ())):
            given = (c.code for c in (part.code.coding if part.code else None) or () if c and c.code)
            found |= {(result.id, code) for code in given if code in codes}
    return found


def _without_strangers(data: str, retrieved: RetrievedData) -> RetrievedData:
    """The data without the names of what is not this patient's.

    Such resources say that the search went wrong; how many there are and what they are called is nobody's business.
    """
    own = [gap for gap in retrieved.unavailable if gap.reason.key not in _STRANGE]
    said = {gap.reason.key for gap in retrieved.unavailable if gap.reason.key in _STRANGE}
    gaps = (*own, *(Unavailable(data, Reason(_STRANGE[key])) for key in sorted(said)))
    return replace(retrieved, unavailable=gaps)
