"""Options that several commands share, and what follows from them: the settings in force and the local time."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cds_service.settings import Settings, environment, load_settings


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings, see docs/settings.md")


def add_site(parser: argparse.ArgumentParser) -> None:
    """Add `--site DIR`."""
    parser.add_argument(
        "--site", type=Path, metavar="DIR", help="a hospital's changes; instead of the setting CDS_SITE"
    )


def settings_of(args: argparse.Namespace, **flags: object) -> Settings:
    """The settings in force.

    Args:
        args: the parsed command line; `config` and `site` are read where the command has them.
        flags: settings that the command line names itself, such as `port`; None leaves one as it is.

    Raises:
        SettingError: a value can't be used.
    """
    given = {f"CDS_{name.upper()}": str(value) for name, value in flags.items() if value is not None}
    settings = load_settings(environment() | given, args.config)
    site = getattr(args, "site", None)
    return replace(settings, site=site) if site else settings


def local_now(settings: Settings) -> datetime:
    """The time in the hospital's zone, aware; the machine's zone where no setting names one."""
    return datetime.now(settings.timezone) if settings.timezone else datetime.now().astimezone()
