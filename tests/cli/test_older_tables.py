"""Tables of an older release: migrated when this one is started, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from cds_service.errors import SettingError
from cds_service.storage import migrations
from cds_service.storage.schema import NEWEST_REVISION
from cds_service.storage.store import Store
from tests.support.kept import NOW

_CONFIG = Config()
_CONFIG.set_main_option("script_location", str(Path(migrations.__path__[0])))
_REVISIONS = [one.revision for one in ScriptDirectory.from_config(_CONFIG).walk_revisions()]
_OLDER = [one for one in _REVISIONS if one != NEWEST_REVISION]
_FEEDBACK = (
    "INSERT INTO feedback (card, outcome, outcome_at, received_at, service, client, suggestions, commented) "
    "VALUES ('card', 'accepted', :at, :at, 'ir-order-sign', '', '[]', false)"
)


@pytest.fixture(params=_OLDER)
def older(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    """The database of the settings, as an older release left it, with one answer."""
    url = f"sqlite:///{tmp_path}/records.db"
    monkeypatch.setenv("CDS_DATABASE_URL", url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        _CONFIG.attributes["connection"] = connection
        command.upgrade(_CONFIG, request.param)
        connection.execute(sa.text(_FEEDBACK), {"at": NOW.isoformat()})
    yield engine
    engine.dispose()


def _tables_of(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


@pytest.mark.parametrize(
    "arguments",
    [
        ("feedback", "--format", "csv"),
        ("audit", "export"),
        ("explain", "11111111-1111-4111-8111-000000000001"),
        ("tables", "--versions"),
        ("db", "prune", "--older-than", "1"),
        ("db", "copy", "--to", "sqlite:///{}/copy.db"),
    ],
    ids=" ".join,
)
def test_no_command_migrates_below_a_running_release(
    run, older: sa.Engine, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """Who tries a command of the new release leaves the old one a database that it can be started on again."""
    before = _tables_of(older)
    said = run(*(one.format(tmp_path) for one in arguments))
    assert said.code == 2
    assert "the tables are those of an older release; use its commands" in " ".join(said.err.split())
    assert _tables_of(older) == before
    assert not (tmp_path / "copy.db").exists()


def test_db_upgrade_migrates_and_keeps_what_is_there(run, older: sa.Engine) -> None:
    """After it the commands work, and the answers of before are there."""
    assert run("db", "upgrade").code == 0
    assert _tables_of(older) == NEWEST_REVISION
    assert run("feedback", "--format", "csv").code == 0
    with older.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM feedback")).scalar() == 1


def test_the_service_migrates_when_it_is_started(older: sa.Engine) -> None:
    """A start needs no command before it; an older release is refused from then on."""
    store = Store(str(older.url))
    with pytest.raises(SettingError, match="older release"):
        store.upgrade(migrate=False)
    store.upgrade()
    store.close()
    assert _tables_of(older) == NEWEST_REVISION
