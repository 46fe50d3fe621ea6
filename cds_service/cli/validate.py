"""What `cds-service validate` does; its options are in `commands/validate.py`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cds_service.cli.terminal import is_quiet, print_err, safe
from cds_service.errors import SetupError
from cds_service.profiles.definitions import Definitions, load_definitions
from cds_service.profiles.files import Source, files_of, resources_in
from cds_service.profiles.issues import Issue, has_errors, operation_outcome
from cds_service.profiles.validate import validate_json

_FILE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file"
_PRINTED = ("fatal", "error", "warning")
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Result:
    """The issues of one resource, with its file name and size in bytes."""

    name: str
    size: int
    issues: tuple[Issue, ...]


def run(args: argparse.Namespace) -> int:
    """Validate and print the issues; 1 if an error was found, else 0.

    Raises:
        SetupError: a path, package or profile can't be used.
    """
    files = files_of(args.paths)
    definitions = load_definitions(args.package)
    _check_profiles(definitions, args.profile)
    found = _with_progress(_results(files, args, definitions), sum(path.stat().st_size for path in files))
    return _show_json(found) if args.format == "json" else _show_text(found)


def _check_profiles(definitions: Definitions, profiles: Sequence[str]) -> None:
    for url in profiles:
        if definitions.tree(url) is None:
            raise SetupError(f"--profile {url}: the profile is not available or not usable; add its --package")


def _results(files: Sequence[Path], args: argparse.Namespace, definitions: Definitions) -> Iterator[Result]:
    sources = resources_in(files)
    if args.jobs == 1:
        yield from (_validate(source, args.profile, definitions) for source in sources)
        return
    _Worker.definitions = definitions  # inherited by forked processes, loaded again by others
    with ProcessPoolExecutor(args.jobs, initializer=_init_worker, initargs=(args.package,)) as pool:
        yield from _in_order(pool, sources, args)


class _Worker:
    """What a worker process keeps between batches."""

    definitions: Definitions


def _init_worker(packages: Sequence[Path]) -> None:
    if not hasattr(_Worker, "definitions"):
        _Worker.definitions = load_definitions(packages)


def _in_order(pool: ProcessPoolExecutor, sources: Iterator[Source], args: argparse.Namespace) -> Iterator[Result]:
    """Results in the order of the files, with only a few batches in memory at once."""
    running: list[Future[list[Result]]] = []
    while True:
        while len(running) < 2 * args.jobs and (batch := list(islice(sources, _BATCH))):
            running.append(pool.submit(_validate_batch, batch, args.profile))
        if not running:
            return
        yield from running.pop(0).result()


def _validate_batch(batch: Iterable[Source], profiles: Sequence[str]) -> list[Result]:
    return [_validate(source, profiles, _Worker.definitions) for source in batch]


def _validate(source: Source, profiles: Sequence[str], definitions: Definitions) -> Result:
    return Result(source.name, len(source.content), tuple(validate_json(source.content, profiles, definitions)))


def _with_progress(results: Iterator[Result], size: int) -> Iterator[Result]:
    """The results, with a progress bar on standard error if it is a terminal."""
    columns = (
        TextColumn("validating"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[count]} resources"),
    )
    hidden = is_quiet() or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=size, count=0)
        for count, result in enumerate(results, start=1):
            bar.update(task, advance=result.size, count=count)
            yield result


def _show_text(results: Iterator[Result]) -> int:
    """Print one line per error and warning, and count the rest."""
    found: Counter[str] = Counter()
    wrong = total = 0
    for result in results:
        total += 1
        wrong += has_errors(result.issues)
        for issue in result.issues:
            found[issue.severity] += 1
            if issue.severity in _PRINTED:
                print(
                    safe(f"{result.name}: {issue.severity}: {issue.expression or '-'}: {issue.message} [{issue.rule}]")
                )
    errors = found["error"] + found["fatal"]
    print(
        f"{total} resources: {total - wrong} valid, {wrong} not; {errors} errors, {found['warning']} warnings, "
        f"{found['information']} things not checked (--format json lists them)"
    )
    return _exit_code(total, wrong)


def _show_json(results: Iterator[Result]) -> int:
    """Print an OperationOutcome for one resource, or a Bundle of them, each naming its file, for several.

    Results are printed as they come, because a large export does not fit in memory.
    """
    total = wrong = 0
    first = ""
    for result in results:
        total += 1
        wrong += has_errors(result.issues)
        outcome = _outcome(result)
        if total == 1:
            first = outcome
        elif total == 2:
            print(f'{{"resourceType": "Bundle", "type": "collection", "entry": [\n{{"resource": {first}}}')
        if total > 1:
            print(f',{{"resource": {outcome}}}')
    print("]}" if total > 1 else first)
    return _exit_code(total, wrong)


def _outcome(result: Result) -> str:
    named = {"extension": [{"url": _FILE_EXTENSION, "valueString": result.name}]}
    outcome: dict[str, Any] = operation_outcome(result.issues)
    return json.dumps({"resourceType": "OperationOutcome", **named, **outcome}, indent=2, ensure_ascii=False)


def _exit_code(total: int, wrong: int) -> int:
    if not total:
        print_err("nothing to validate: the files are empty")
        return 2
    return 1 if wrong else 0
