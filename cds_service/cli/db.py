"""`cds-service db`: the database of feedback and records."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from cds_service.cli.options import add_config, local_now, open_store, settings_of
from cds_service.errors import SetupError, StoreUnavailable
from cds_service.setting_sources import read_secret
from cds_service.setting_values import InvalidValue, database
from cds_service.storage.copy import copy_database
from cds_service.storage.prune import prune
from cds_service.storage.store import Store


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("db", help="maintain the database of feedback and records", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    upgrade = actions.add_parser("upgrade", help="migrate the tables to this release; `serve` does this too")
    add_config(upgrade)
    upgrade.set_defaults(run=_upgrade)
    prune_parser = actions.add_parser("prune", help="delete old calls, cards and feedback")
    prune_parser.add_argument("--older-than", type=_days, required=True, metavar="DAYS", help="age in days")
    add_config(prune_parser)
    prune_parser.set_defaults(run=_prune)
    copy = actions.add_parser(
        "copy",
        help="copy everything to an empty database, such as from SQLite to PostgreSQL",
        description="Copies all calls, cards and feedback from the database of the settings to an empty one, which is "
        "migrated first. Stop the service before; afterwards set CDS_DATABASE_URL to the copy.",
    )
    target = copy.add_mutually_exclusive_group(required=True)
    target.add_argument("--to", metavar="URL", help="database URL, as in CDS_DATABASE_URL")
    target.add_argument(
        "--to-file", type=Path, metavar="FILE", help="the same from a file, so that no list of processes shows it"
    )
    add_config(copy)
    copy.set_defaults(run=_copy)


def _upgrade(args: argparse.Namespace) -> int:
    store = open_store(settings_of(args))
    print(f"{store.display_url}: the tables are up to date.")
    store.close()
    return 0


def _prune(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    store = open_store(settings)
    before = local_now(settings) - timedelta(days=args.older_than)
    deleted = _delete(store, before=before)
    store.close()
    print(f"Deleted from before {before:%Y-%m-%d %H:%M}: {', '.join(f'{n} {table}' for table, n in deleted.items())}.")
    return 0


def _copy(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    url = args.to or read_secret(args.to_file)
    try:
        target_settings = replace(settings, database_url=database(url))
    except InvalidValue as error:
        raise SetupError(f"--to can't be used; {error}") from None
    if target_settings.database_url == settings.database_url:
        raise SetupError("--to is the database of the settings; name another one")
    source = open_store(settings)
    target = open_store(target_settings)
    try:
        counts = copy_database(source, target)
    except StoreUnavailable as error:
        raise SetupError(f"{error.message} Nothing was copied; run it again") from None
    finally:
        source.close()
        target.close()
    print(f"Copied from {source.display_url} to {target.display_url}: ", end="")
    print(f"{', '.join(f'{n} {table}' for table, n in counts.items())}, counted in both.")
    return 0


def _delete(store: Store, before: datetime) -> dict[str, int]:
    try:
        return prune(store, before)
    except StoreUnavailable as error:
        raise SetupError(f"{store.display_url}: {error.message} Deleted rows stay deleted; run it again") from None


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:
        raise argparse.ArgumentTypeError(f'"{text}" is not an age; write a whole number of days from 1')
    return int(text)
