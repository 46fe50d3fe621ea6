"""`cds-service summary`: the pre-procedure summary of one order, for the terminal, as JSON or as a page.

It is made from the same findings as the cards. The page is one file without outside resources, to be printed.
"""

from __future__ import annotations

import argparse

from cds_service.cli.options import add_config, add_format, add_request_source, add_site, later
from cds_service.hooks.catalog import SERVICES

_HOOKS = tuple(service.hook for service in SERVICES.values() if service.focus != "none")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("summary", help="the pre-procedure summary of one order", description=__doc__)
    add_request_source(parser, _HOOKS)
    parser.add_argument("--language", metavar="LANG", help="language of the summary, instead of CDS_LANGUAGE")
    add_format(parser, ("text", "json", "html"), "text (default), json, or html: a page")
    add_site(parser)
    add_config(parser)
    parser.set_defaults(run=later("summary"))
