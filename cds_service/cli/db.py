"""What `cds-service db` does; its options are in `commands/db.py`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime, timedelta

from cds_service.cli.options import local_now, open_store, settings_of
from cds_service.errors import SetupError, StoreUnavailable
from cds_service.setting_sources import read_secret
from cds_service.setting_values import InvalidValue, database
from cds_service.storage.copy import copy_database
from cds_service.storage.prune import prune
from cds_service.storage.store import Store


def run_upgrade(args: argparse.Namespace) -> int:
    """Migrate the tables; always 0."""
    store = open_store(settings_of(args), create=True)
    print(f"{store.display_url}: the tables are up to date.")
    store.close()
    return 0


def run_prune(args: argparse.Namespace) -> int:
    """Delete what is old and print how much; always 0."""
    settings = settings_of(args)
    store = open_store(settings)
    before = local_now(settings) - timedelta(days=args.older_than)
    deleted = _delete(store, before=before)
    store.close()
    print(f"Deleted from before {before:%Y-%m-%d %H:%M}: {', '.join(f'{n} {table}' for table, n in deleted.items())}.")
    return 0


def run_copy(args: argparse.Namespace) -> int:
    """Copy everything to an empty database; always 0."""
    settings = settings_of(args)
    url = args.to or read_secret(args.to_file)
    try:
        target_settings = replace(settings, database_url=database(url))
    except InvalidValue as error:
        raise SetupError(f"--to can't be used; {error}") from None
    if target_settings.database_url == settings.database_url:
        raise SetupError("--to is the database of the settings; name another one")
    source = open_store(settings)
    target = open_store(target_settings, create=True)
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
