"""What `cds-service validate` does; its options are in `commands/validate.py`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cds_service.cli.terminal import counted, is_quiet, print_err, remark, safe
from cds_service.errors import SetupError
from cds_service.profiles.definitions import Definitions, load_definitions
from cds_service.profiles.files import Source, files_of, resources_in, size_of
from cds_service.profiles.issues import SEVERITIES, Issue, Severity, has_errors, operation_outcome
from cds_service.profiles.validate import validate_json

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

_FILE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file"
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Options:
    """How each resource is validated: profiles to check besides its own, and the severity of unknown extensions."""

    profiles: tuple[str, ...]
    unknown_extensions: Severity


@dataclass(frozen=True, slots=True)
class Result:
    """The issues of one resource, with its name (`FILE`, or `FILE:LINE`) and its size in bytes."""

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
    found = _with_progress(_results(files, args, definitions), sum(map(size_of, files)))
    shown = _shown_severities(args)
    if args.format == "json":
        return _show_json(found, shown)
    return _show_text(found, shown, definitions, with_counts=not is_quiet())


def _shown_severities(args: argparse.Namespace) -> Sequence[str]:
    usual = "error" if is_quiet() else ("information" if args.format == "json" else "warning")
    least = args.severity or usual
    return SEVERITIES[: SEVERITIES.index(least) + 1]


def _check_profiles(definitions: Definitions, profiles: Sequence[str]) -> None:
    for url in profiles:
        if definitions.tree(url) is None:
            raise SetupError(f"--profile {url}: the profile is not available or not usable; add its --package")


def _results(files: Sequence[Path], args: argparse.Namespace, definitions: Definitions) -> Iterator[Result]:
    sources = _resources_only(resources_in(files))
    options = Options(tuple(args.profile), args.unknown_extensions)
    if args.jobs == 1:
        yield from (_validate(source, options, definitions) for source in sources)
        return
    from concurrent.futures import ProcessPoolExecutor

    _Worker.definitions = definitions  # inherited by forked processes, loaded again by others
    with ProcessPoolExecutor(args.jobs, initializer=_init_worker, initargs=(args.package,)) as pool:
        yield from _in_order(pool, sources, options, 2 * args.jobs)


def _resources_only(sources: Iterator[Source]) -> Iterator[Source]:
    for source in sources:
        if source.beside is None:
            yield source
        else:
            remark(f"{source.name}: is {source.beside}, no resource: not counted")


class _Worker:
    """What a worker process keeps between batches."""

    definitions: Definitions


def _init_worker(packages: Sequence[Path]) -> None:
    if not hasattr(_Worker, "definitions"):
        _Worker.definitions = load_definitions(packages)


def _in_order(pool: ProcessPoolExecutor, sources: Iterator[Source], options: Options, at_once: int) -> Iterator[Result]:
    """Results in the order of the files, with only a few batches in memory at once."""
    running: list[Future[list[Result]]] = []
    while True:
        while len(running) < at_once and (batch := list(islice(sources, _BATCH))):
            running.append(pool.submit(_validate_batch, batch, options))
        if not running:
            return
        yield from running.pop(0).result()


def _validate_batch(batch: Iterable[Source], options: Options) -> list[Result]:
    return [_validate(source, options, _Worker.definitions) for source in batch]


def _validate(source: Source, options: Options, definitions: Definitions) -> Result:
    if source.problem:
        return Result(source.name, 0, (Issue("fatal", "exception", "file", "", source.problem),))
    issues = validate_json(source.content, options.profiles, definitions, unknown_extensions=options.unknown_extensions)
    if source.line is not None:  # the resource is one line of the file
        issues = [replace(one, line=source.line) for one in issues]
    return Result(source.name, len(source.content), tuple(issues))


def _with_progress(results: Iterator[Result], size: int) -> Iterator[Result]:
    """The results, with a progress bar on standard error if it is a terminal."""
    if is_quiet() or not sys.stderr.isatty():
        yield from results
        return
    from rich.console import Console  # costs a tenth of what one file does
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("validating"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[count]} resources"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=size, count=0)
        for count, result in enumerate(results, start=1):
            bar.update(task, advance=result.size, count=count)
            yield result


def _show_text(results: Iterator[Result], shown: Sequence[str], definitions: Definitions, *, with_counts: bool) -> int:
    """Print one line per issue of the severities to show, and count the rest."""
    found: Counter[str] = Counter()
    wrong = total = 0
    for result in results:
        total += 1
        wrong += has_errors(result.issues)
        for issue in result.issues:
            found[issue.severity] += 1
            if issue.severity in shown:
                print(safe(_line(result, issue, definitions)))
    errors = found["error"] + found["fatal"]
    if with_counts:
        print(
            f"{counted(total, 'resource')}: {total - wrong} valid, {wrong} not; {counted(errors, 'error')}, "
            f"{counted(found['warning'], 'warning')}, {counted(found['information'], 'thing')} not checked "
            "(--severity information lists them)"
        )
    return _exit_code(total, wrong)


def _line(result: Result, issue: Issue, definitions: Definitions) -> str:
    """`FILE: severity: path: message (line, column, profile) [rule]`; the profile if it is not R4 itself that asks."""
    details = [] if issue.column is None else [f"line {issue.line}", f"column {issue.column}"]
    structure = definitions.structure(issue.profile or "") or {}
    if structure.get("derivation") == "constraint":
        details.append(f"profile {issue.profile}")
    more = f" ({', '.join(details)})" if details else ""
    return f"{result.name}: {issue.severity}: {issue.expression or '-'}: {issue.message}{more} [{issue.rule}]"


def _show_json(results: Iterator[Result], shown: Sequence[str]) -> int:
    """Print an OperationOutcome for one resource, or a Bundle of them, each naming its file, for several.

    Results are printed as they come, because a large export does not fit in memory.
    """
    total = wrong = 0
    first = ""
    for result in results:
        total += 1
        wrong += has_errors(result.issues)
        outcome = _outcome(result, shown)
        if total == 1:
            first = outcome
        elif total == 2:
            print(f'{{"resourceType": "Bundle", "type": "collection", "entry": [\n{{"resource": {first}}}')
        if total > 1:
            print(f',{{"resource": {outcome}}}')
    print("]}" if total > 1 else first)
    return _exit_code(total, wrong)


def _outcome(result: Result, shown: Sequence[str]) -> str:
    named = {"extension": [{"url": _FILE_EXTENSION, "valueString": safe(result.name)}]}
    outcome: dict[str, Any] = operation_outcome([one for one in result.issues if one.severity in shown])
    return json.dumps({"resourceType": "OperationOutcome", **named, **outcome}, indent=2, ensure_ascii=False)


def _exit_code(total: int, wrong: int) -> int:
    if not total:
        print_err("nothing to validate: the files hold no resource")
        return 2
    return 1 if wrong else 0
