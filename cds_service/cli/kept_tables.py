"""The tables of versions that answered, as the database keeps them."""

from __future__ import annotations

import re

from cds_service.cli.options import open_store
from cds_service.errors import SetupError, StoreUnavailable
from cds_service.knowledge.snapshot import Snapshot, knowledge_of
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.storage.snapshots import read_snapshot

VERSION = re.compile(r"[0-9.]+\+[0-9a-f]{8}")
"""How a knowledge version is written."""


def kept_snapshot(version: str, settings: Settings) -> Snapshot:
    """The files of a version.

    Raises:
        SetupError: the database does not keep it, or can't be reached.
    """
    store = open_store(settings)
    try:
        found = read_snapshot(store, version)
    except StoreUnavailable as error:
        raise SetupError(f"{store.display_url}: {error.message} Start the database, or correct the setting") from None
    finally:
        store.close()
    if found is None:
        raise SetupError(f"{version}: {store.display_url} does not keep it; cds-service tables --versions lists them")
    return found


def kept_knowledge(version: str, settings: Settings) -> Knowledge:
    """The tables of a version.

    Raises:
        SetupError: the database does not keep it or can't be reached, or this release can't read them.
    """
    return knowledge_of(kept_snapshot(version, settings))
