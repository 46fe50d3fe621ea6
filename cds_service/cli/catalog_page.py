"""The report on an order catalog as one HTML page: no scripts, no external resources."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from cds_service.cli.catalog_map import doubt
from cds_service.cli.catalog_results import Report

_TEMPLATES = Path(__file__).parent / "templates"


def catalog_page(name: str, report: Report, version: str) -> str:
    """The page as HTML.

    Args:
        name: of the catalog file.
        report: its counts, and the orders to list.
        version: of the tables.
    """
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)
    template = environment.get_template("catalog.html")
    return template.render(name=name, tally=report.tally, listed=report.listed, version=version, doubt=doubt)
