"""What `cds-service catalog` does; its options are in `commands/catalog.py`."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import orjson

from cds_service.cli.catalog_file import CatalogOrder, Columns, read_catalog
from cds_service.cli.catalog_map import concept_map, doubt
from cds_service.cli.catalog_page import catalog_page
from cds_service.cli.catalog_results import OTHER, SURE, UNKNOWN, UNSURE, Report, Result, Tally, result_of
from cds_service.cli.options import settings_of
from cds_service.cli.terminal import remark
from cds_service.errors import SetupError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge

_HEADINGS = ("line", "system", "code", "text", "status", "procedure", "label", "by", "words", "candidates", "check")


def run(args: argparse.Namespace) -> int:
    """Read the catalog and tell what is understood; 1 if orders are left to be mapped, else 0.

    Raises:
        SetupError: the file can't be read, or the folder can't be written.
    """
    settings = settings_of(args)
    orders = read_catalog(args.file, Columns(args.text_column, args.code_column, args.system_column), args.encoding)
    first = list(islice(orders, 1))  # a file that can't be read is told before anything is loaded or written
    knowledge = load_knowledge(settings.site)
    report = Report()
    results = report.watch(_results(chain(first, orders), args, knowledge))
    if args.out is not None:
        _write_folder(args.out, args, results, report, knowledge)
    elif args.json:
        _print_results(results)
    else:
        _write_csv(results, sys.stdout)
    if args.json:
        _print_summary(report.tally, knowledge, alone=args.out is not None)
    else:
        remark(_share(report.tally))
    return 1 if report.tally.by_status[UNKNOWN] else 0


def _results(orders: Iterable[CatalogOrder], args: argparse.Namespace, knowledge: Knowledge) -> Iterator[Result]:
    for order in orders:
        yield result_of(order if order.system else replace(order, system=args.system or ""), knowledge)


def _write_folder(
    folder: Path, args: argparse.Namespace, results: Iterable[Result], report: Report, knowledge: Knowledge
) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "orders.csv").open("w", encoding="utf-8", newline="") as file:
            _write_csv(results, file)
        page = catalog_page(args.file.name, report, knowledge.version)
        (folder / "report.html").write_text(page, "utf-8")
        if report.mapped:
            mapped = concept_map(report.mapped, args.system)
            (folder / "concept_map.json").write_bytes(orjson.dumps(mapped, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise SetupError(f"{folder}: can't be written ({error.strerror}); give another folder with --out") from None


def _write_csv(results: Iterable[Result], file: TextIO) -> None:
    writer = csv.DictWriter(file, _HEADINGS, lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerow(_line(result) | {"candidates": " ".join(result.candidates), "check": doubt(result)})


def _line(result: Result) -> dict[str, object]:
    """What is said of one order, in CSV and in JSON."""
    order = result.order
    return {
        "line": order.line,
        "system": order.system,
        "code": order.code,
        "text": order.text,
        "status": result.status,
        "procedure": result.procedure,
        "label": result.label,
        "by": result.by,
        "words": result.words,
    }


def _print_results(results: Iterable[Result]) -> None:
    sys.stdout.write('{"results": [')
    for number, result in enumerate(results):
        content = _line(result) | {"candidates": result.candidates, "unexplained": result.unexplained}
        sys.stdout.write((",\n" if number else "\n") + orjson.dumps(content).decode())
    sys.stdout.write("\n],\n")


def _print_summary(tally: Tally, knowledge: Knowledge, *, alone: bool) -> None:
    summary = {
        "knowledgeVersion": knowledge.version,
        "orders": tally.orders,
        "byStatus": {status: tally.by_status[status] for status in (SURE, UNSURE, UNKNOWN, OTHER)},
        "understoodPercent": tally.understood_percent,
    }
    sys.stdout.write(("{" if alone else "") + f'"summary": {orjson.dumps(summary).decode()}' + "}\n")


def _share(tally: Tally) -> str:
    counts = ", ".join(f"{tally.by_status[status]} {status}" for status in (SURE, UNSURE, UNKNOWN, OTHER))
    percent = tally.understood_percent
    share = "none of them interventional radiology" if percent is None else f"{percent:.1f} % of {tally.interventional}"
    known = "" if percent is None else " interventional orders name a known procedure"
    return f"{tally.orders} orders: {counts}; {share}{known}"
