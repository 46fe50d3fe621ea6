"""What an export consists of: its NDJSON files, and what its manifest says beside them.

Source: FHIR Bulk Data Access 2.0, Complete Status: `output`, `error`, `deleted`, `transactionTime`; files may be
compressed. A kind of data that no file is there for is unknown, never absent.
"""

from __future__ import annotations

import gzip
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedIOBase, RawIOBase
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from cds_service.errors import SetupError
from cds_service.fhir_references import local_reference
from cds_service.kinds import KINDS
from cds_service.population.files import LOCK, PLAN
from cds_service.population.servers import exported_from

_SUFFIXES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_TYPES = {name: kind.key for kind in KINDS.values() for name in kind.resource_types}
_GZIP = b"\x1f\x8b"
_WORDS = re.compile(r"[A-Za-z]+")
_OF_ERRORS, _OF_DELETED = "OperationOutcome", "Bundle"


class _Item(msgspec.Struct):
    """One file of a manifest."""

    url: str
    type: str | None = None
    count: int | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    output: list[_Item]
    request: str | None = None
    transaction_time: str | None = None
    error: list[_Item] | None = None
    deleted: list[_Item] | None = None


class _Issue(msgspec.Struct):
    severity: str | None = None
    details: msgspec.Raw = msgspec.Raw()
    diagnostics: str | None = None
    expression: list[str] | None = None


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


@dataclass(frozen=True, slots=True)
class Export:
    """An export as found on disk.

    `files` are sorted by name. `listed` are resource types that a file is named after, so that an empty file counts as
    looked at. `counts` maps a resource type to the number of lines that the manifest promises. `missing` are kinds
    of which a file of the manifest is not here or failed; `errors` say why, in the server's words, and which list of
    the manifest is not here. `deleted` are references (`Type/id`) of resources that no longer exist.
    """

    files: tuple[Path, ...]
    listed: frozenset[str]
    counts: dict[str, int]
    missing: frozenset[str]
    errors: tuple[str, ...]
    deleted: frozenset[str]
    transaction_time: str | None


def find_export(paths: Sequence[Path]) -> Export:
    """The files of an export.

    Args:
        paths: files and folders; folders are searched through, hidden files and the folders of runs left out.

    Raises:
        SetupError: a path is not there, there is nothing to read, a manifest can't be read, or manifests are of several
            servers.
    """
    found = list(dict.fromkeys(path.resolve() for given in paths for path in _files(given)))
    manifests = [m for path in found if path.suffix == ".json" and (m := _manifest(path)) is not None]
    _check_one_server(manifests)
    lines = [path for path in found if path.name.lower().endswith(_SUFFIXES)]
    errors, lost_errors = _matched(lines, [_Item(i.url, _OF_ERRORS) for m in manifests for i in m.error or ()])
    deleted, lost_deleted = _matched(lines, [_Item(i.url, _OF_DELETED) for m in manifests for i in m.deleted or ()])
    outputs = [item for m in manifests for item in m.output]
    files = tuple(path for path in lines if path not in (*errors, *deleted))
    if not files:
        raise SetupError(f"{', '.join(map(str, paths))}: no NDJSON file; name the folder of a Bulk Data export")
    failed, said = _failures(errors)
    if lost_errors:
        failed = set(KINDS)  # what it says that failed may be of any kind
    absent = {key for item in _matched(files, outputs)[1] for key in _kinds_of(item.type)}
    times = sorted(m.transaction_time for m in manifests if m.transaction_time)
    return Export(
        files=files,
        listed=frozenset[str]().union(*map(types_named, files)),
        counts=_counts(outputs),
        missing=frozenset(absent | failed),
        errors=(*said, *(f"{_name_of(item)}: in the manifest, not here" for item in (*lost_errors, *lost_deleted))),
        deleted=frozenset(_deleted(deleted)),
        transaction_time=times[-1] if times else None,
    )


def is_packed(path: Path) -> bool:
    """Whether a file is compressed, by its first bytes: servers and downloads name files as they like.

    Source: RFC 1952, 2.3.1: ID1, ID2.
    """
    with path.open("rb", buffering=0) as file:
        return file.read(len(_GZIP)) == _GZIP


def open_lines(path: Path, *, packed: bool) -> BufferedIOBase | RawIOBase:
    """A file of lines, decompressed where it is compressed; without a buffer where it is not."""
    return gzip.GzipFile(path) if packed else path.open("rb", buffering=0)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        runs = {plan.parent for plan in path.rglob(PLAN) if plan.with_name(LOCK).exists()}
        yield from sorted(one for one in path.rglob("[!.]*") if one.is_file() and runs.isdisjoint(one.parents))
    elif path.is_file():
        yield path
    else:
        raise SetupError(f"{path}: not found; name a folder or NDJSON files of a Bulk Data export")


def _manifest(path: Path) -> _Manifest | None:
    """A manifest; None for another JSON file."""
    body = path.read_bytes().removeprefix(BOM_UTF8)
    if b'"output"' not in body:
        return None
    try:
        return msgspec.json.decode(body, type=_Manifest, strict=False)
    except msgspec.DecodeError as error:
        raise SetupError(f"{path}: looks like a manifest and can't be read ({error}); correct or remove it") from None


def _check_one_server(manifests: Iterable[_Manifest]) -> None:
    """Refuse exports of several servers: what has the same id on both would be one."""
    servers = sorted({server for one in manifests if one.request and (server := exported_from(one.request))})
    if len(servers) > 1:
        raise SetupError(
            f"exports of several servers ({', '.join(servers)}): screen one at a time, each with its --out"
        )


def _base(name: str) -> str:
    """A file's name without its suffixes, to compare a URL with a file."""
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def _name_of(item: _Item) -> str:
    return _base(unquote(urlsplit(item.url).path).rpartition("/")[2])


def _matched(files: Sequence[Path], items: Iterable[_Item]) -> tuple[list[Path], list[_Item]]:
    """The files of items, by name or, where files were renamed, by type; and the items that no file is there for.

    Two exports may have files of the same name; each is of one item.
    """
    each_once = list({item.url: item for item in items}.values())
    wanted = {_name_of(item) for item in each_once}
    named = [path for path in files if _base(path.name) in wanted]
    spare = [path for path in files if path not in named]
    found: list[Path] = []
    lost: list[_Item] = []
    for item in each_once:
        path = next((one for one in named if _base(one.name) == _name_of(item)), None)
        path = path or next((one for one in spare if item.type in _types_of(one)), None)
        if path is None:
            lost.append(item)
        else:
            found.append(path)
            (named if path in named else spare).remove(path)
    return found, lost


def _types_of(path: Path) -> list[str]:
    """The words of a file's name; servers name it after the type that it holds."""
    return _WORDS.findall(path.name)


def types_named(path: Path) -> frozenset[str]:
    """The resource types that something is read of and that a file is named after."""
    return frozenset(_TYPES).intersection(_types_of(path))


def _counts(outputs: Sequence[_Item]) -> dict[str, int]:
    """Promised lines by type; a type of which one file has no count has none."""
    counts: dict[str, int] = {}
    uncounted = {item.type for item in outputs if item.count is None}
    for item in outputs:
        if item.type and item.count is not None and item.type not in uncounted:
            counts[item.type] = counts.get(item.type, 0) + item.count
    return counts


def _kinds_of(resource_type: str | None) -> Iterable[str]:
    """The kind of data of a type; of a file that names none it may be any."""
    if resource_type is None:
        return KINDS
    return (_TYPES[resource_type],) if resource_type in _TYPES else ()


def _failures(files: Iterable[Path]) -> tuple[set[str], tuple[str, ...]]:
    """Kinds that the server could not export in full, and what it says of it; an error that names no type means all."""
    kinds: set[str] = set()
    said: list[str] = []
    for outcome in _decoded(files, _Outcome):
        for issue in outcome.issue:
            words = " ".join([issue.diagnostics or "", *(issue.expression or ()), bytes(issue.details).decode()])
            named = {key for word in _WORDS.findall(words) for key in _kinds_of(word)}
            if issue.severity in ("error", "fatal", None):
                kinds |= named or set(KINDS)
            said.append(f"{issue.severity}: {', '.join(sorted(named)) or 'no kind named'}")
    return kinds, tuple(dict.fromkeys(said))


class _Request(msgspec.Struct):
    method: str | None = None
    url: str | None = None


class _Entry(msgspec.Struct):
    request: _Request | None = None


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


def _deleted(files: Iterable[Path]) -> Iterator[str]:
    for bundle in _decoded(files, _Bundle):
        for entry in bundle.entry:
            if entry.request is not None and entry.request.method == "DELETE" and entry.request.url:
                yield local_reference(entry.request.url)


def _decoded(files: Iterable[Path], kind: type[Any]) -> Iterator[Any]:
    for path in files:
        with open_lines(path, packed=is_packed(path)) as lines:
            for line in filter(None, map(bytes.strip, lines)):
                try:
                    yield msgspec.json.decode(line.removeprefix(BOM_UTF8), type=kind)
                except msgspec.DecodeError as error:
                    raise SetupError(f"{path}: can't be read ({error}); export again or correct it") from None
