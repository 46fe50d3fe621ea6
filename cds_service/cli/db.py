"""`cds-service db`: the database of feedback and records."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta

from cds_service.cli.options import add_config, local_now, open_store, settings_of
from cds_service.errors import SetupError, StoreUnavailable
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


def _delete(store: Store, before: datetime) -> dict[str, int]:
    try:
        return prune(store, before)
    except StoreUnavailable as error:
        raise SetupError(f"{store.display_url}: {error.message} Deleted rows stay deleted; run it again") from None


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:
        raise argparse.ArgumentTypeError(f'"{text}" is not an age; write a whole number of days from 1')
    return int(text)
