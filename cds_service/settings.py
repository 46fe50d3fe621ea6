"""Every setting of the service, in one table; nothing else reads the environment.

`docs/settings.md` is made from this table by `settings_markdown`.
"""

from __future__ import annotations

import os
import tomllib
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from cds_service import setting_values as values
from cds_service.errors import SettingError

_PREFIX = "CDS_"


def _row(*, read: Callable[[str], Any], shown: str, meaning: str, secret: bool = False) -> dict[str, Any]:
    """What the table says of one setting; `shown` is the default as documented. A secret value is never repeated."""
    return {"read": read, "shown": shown, "meaning": meaning, "secret": secret}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the service runs with. `unknown_names` are CDS_ variables of the environment that mean nothing here.

    `database_url` None keeps nothing; `load_settings` puts the default file there.
    """

    host: str = field(
        default="127.0.0.1",
        metadata=_row(
            read=values.text,
            shown="127.0.0.1",
            meaning="Address to listen on. Any other than a loopback address needs `CDS_CLIENTS`, or "
            "`serve --insecure`.",
        ),
    )
    port: int = field(
        default=8080,
        metadata=_row(
            read=values.whole_number(0, 65535), shown="8080", meaning="Port to listen on; 0 takes any free one."
        ),
    )
    workers: int = field(
        default=2, metadata=_row(read=values.whole_number(1, 256), shown="2", meaning="Server processes.")
    )
    threads: int = field(
        default=8,
        metadata=_row(read=values.whole_number(1, 256), shown="8", meaning="Threads of each server process."),
    )
    public_url: str | None = field(
        default=None,
        metadata=_row(
            read=values.url,
            shown="none",
            meaning="URL under which EHRs reach the service, without `/cds-services`. The tokens of registered "
            "clients must be made out to it (`aud`); shown on the pages.",
        ),
    )
    clients: Path | None = field(
        default=None,
        metadata=_row(
            read=values.file,
            shown="none",
            meaning="File of the registered EHRs, see `docs/integration.md`. With it every call needs a token; without "
            "it anyone may call, and the service listens on a loopback address only. Needs `CDS_PUBLIC_URL`.",
        ),
    )
    redis_url: str | None = field(
        default=None,
        repr=False,
        metadata=_row(
            read=values.redis_url,
            shown="none",
            secret=True,
            meaning="Redis in which several machines remember used tokens and count calls. One machine needs none. "
            "Needs the extra `redis`.",
        ),
    )
    rate_limit: str | None = field(
        default="12000/minute",
        metadata=_row(
            read=values.rate_limit,
            shown="12000/minute",
            meaning="Most calls of one client (without `CDS_CLIENTS`: of one address) in a time; more are answered "
            "with 429. `off` for no limit. Without `CDS_REDIS_URL` each server process counts for itself.",
        ),
    )
    log_level: str = field(
        default="INFO",
        metadata=_row(read=values.log_level, shown="INFO", meaning="Least severity that is logged: DEBUG to ERROR."),
    )
    log_key: bytes | None = field(
        default=None,
        repr=False,
        metadata=_row(
            read=values.log_key,
            shown="a new one at each start",
            secret=True,
            meaning="Secret of 16 characters or more that patient ids are hashed with in logs and records. Set it "
            "where several starts or machines must be comparable, and keep it as safe as the record.",
        ),
    )
    cors_origins: tuple[str, ...] = field(
        default=(),
        metadata=_row(
            read=values.origins,
            shown="none",
            meaning="Web origins whose pages may call the service, with commas between them. Without `CDS_CLIENTS` and "
            "on a loopback address, pages of this machine may as well. `*` allows every origin: for development only.",
        ),
    )
    site: Path | None = field(
        default=None,
        metadata=_row(
            read=values.folder,
            shown="none",
            meaning="Folder with a hospital's changes to the tables; see `docs/changing-the-tables.md`.",
        ),
    )
    max_body: int = field(
        default=52_428_800,
        metadata=_row(
            read=values.whole_number(1024, 2**31),
            shown="52428800",
            meaning="Largest request body, in bytes; a larger one is answered with 413.",
        ),
    )
    decision_extension: bool = field(
        default=True,
        metadata=_row(
            read=values.on_or_off,
            shown="on",
            meaning="Whether answers carry the whole decision for machines beside the cards: `on` or `off`.",
        ),
    )
    validate: bool = field(
        default=False,
        metadata=_row(
            read=values.on_or_off,
            shown="off",
            meaning="Whether the data of calls are validated in the background and counted by client and rule, see "
            "`docs/validation.md`: `on` or `off`. No call waits for it or fails by it.",
        ),
    )
    validate_endpoint: bool = field(
        default=False,
        metadata=_row(
            read=values.on_or_off,
            shown="off",
            meaning="Whether `POST /validate` answers: `on` or `off`. For a playground; leave it off in production, "
            "where anybody who reaches it could keep the service busy.",
        ),
    )
    timezone: zoneinfo.ZoneInfo | None = field(
        default=None,
        metadata=_row(
            read=values.zone,
            shown="the machine's",
            meaning="IANA time zone of the hospital, such as `America/New_York`; it decides what day it is when the "
            "age of a result is counted. Containers usually run in UTC: set it there.",
        ),
    )
    fhir_deadline: float = field(
        default=3.0,
        metadata=_row(
            read=values.seconds(0.1, 60),
            shown="3",
            meaning="Seconds in which FHIR servers must give what a call lacks, all of it together; what has not come "
            "by then is unknown.",
        ),
    )
    fhir_calls: int | None = field(
        default=None,
        metadata=_row(
            read=values.whole_number(1, 256),
            shown="two fewer than `CDS_THREADS`",
            meaning="Calls of one server process that may wait for FHIR servers at the same time; one more is "
            "judged without asking. Fewer than the threads, so that hung FHIR servers never block every thread.",
        ),
    )
    fhir_ca: Path | None = field(
        default=None,
        metadata=_row(
            read=values.file,
            shown="the usual certificates",
            meaning="PEM file of the certificates to trust at FHIR servers, for a hospital's own authority.",
        ),
    )
    database_url: str | None = field(
        default=None,
        repr=False,
        metadata=_row(
            read=values.database,
            shown="a SQLite file",
            secret=True,
            meaning="Where feedback and records are kept: `sqlite:////path/to/records.db` or "
            "`postgresql://user:password@host/database`. The file is `records.db` in `$STATE_DIRECTORY`, else "
            "`cds-service/records.db` in `$XDG_STATE_HOME`, else in `~/.local/state`.",
        ),
    )
    keep_comments: bool = field(
        default=False,
        metadata=_row(
            read=values.on_or_off,
            shown="off",
            meaning="Whether the free text that clinicians write when they override a card is kept: `on` or `off`. "
            "It may name a patient.",
        ),
    )
    shadow: bool = field(
        default=False,
        metadata=_row(
            read=values.on_or_off,
            shown="off",
            meaning="Shadow mode: every call is judged and recorded, and nothing is shown; see `docs/feedback.md`.",
        ),
    )
    metrics_token: str | None = field(
        default=None,
        repr=False,
        metadata=_row(
            read=values.text,
            shown="none",
            secret=True,
            meaning="Bearer token that `/metrics` asks for; without one whoever reaches the address may read it.",
        ),
    )
    unknown_names: tuple[str, ...] = ()


_TABLE: tuple[Field[Any], ...] = tuple(row for row in fields(Settings) if row.metadata)


def environment() -> dict[str, str]:
    """The environment of the process, as `load_settings` takes it."""
    return dict(os.environ)


def load_settings(environ: Mapping[str, str], config: Path | None = None) -> Settings:
    """The settings in force: the environment first, then the file, then the defaults.

    Args:
        environ: the environment; a command-line flag is passed as the variable that it stands for.
        config: TOML file with the same names in lower case, `cds_port = 8080`.

    Raises:
        SettingError: a value can't be used, or the file can't be read or names something unknown.
    """
    names = {_PREFIX + row.name.upper(): row for row in _TABLE}
    given = _from_file(config, names) if config else {}
    given |= {name: (value, name) for name, value in environ.items() if name in names and value.strip()}
    read = {names[name].name: _read(names[name], value, where) for name, (value, where) in given.items()}
    read.setdefault("database_url", _default_database(environ))
    calls, threads = read.get("fhir_calls"), read.get("threads", Settings().threads)
    if calls is not None and calls >= threads:
        raise SettingError(f"CDS_FHIR_CALLS is {calls}; write fewer than CDS_THREADS, which is {threads}")
    unknown = sorted(name for name in environ if name.startswith(_PREFIX) and name not in names)
    return Settings(**read, unknown_names=tuple(unknown))


def _default_database(environ: Mapping[str, str]) -> str:
    """A SQLite file in the folder for what must outlive a program.

    Source: systemd.exec, StateDirectory; XDG Base Directory Specification, XDG_STATE_HOME.
    """
    folder = environ.get("STATE_DIRECTORY")
    if not folder:
        home = environ.get("XDG_STATE_HOME") or f"{Path.home()}/.local/state"
        folder = f"{home}/cds-service"
    return f"sqlite:///{folder}/records.db"


def share_metrics(folder: Path) -> None:
    """Makes the worker processes that are started from here on count in one folder.

    Source: prometheus_client, Multiprocess Mode: read when the library is first imported.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _from_file(config: Path, names: Mapping[str, Field[Any]]) -> dict[str, tuple[str, str]]:
    try:
        content = tomllib.loads(config.read_text("utf-8"))
    except OSError as error:
        raise SettingError(f"{config}: can't be read ({error.strerror}); correct the path after --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{config}: is not TOML ({error}); write lines like cds_port = 8080") from None
    unknown = [name for name in content if name.upper() not in names or name != name.lower()]
    if unknown:
        known = ", ".join(name.lower() for name in names)
        raise SettingError(f"{config}: {unknown[0]} is no setting; the settings are {known}")
    return {name.upper(): (_as_text(value), f"{config}: {name}") for name, value in content.items()}


def _as_text(value: Any) -> str:
    """A TOML value as the text that the environment would hold."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _read(row: Field[Any], value: str, where: str) -> Any:
    try:
        return row.metadata["read"](value.strip())
    except values.Wrong as wrong:
        found = "can't be used" if row.metadata["secret"] else f'is "{value}"'
        raise SettingError(f"{where} {found}; {wrong}") from None


def settings_markdown() -> str:
    """The page `docs/settings.md`."""
    head = (
        "# Settings\n\n"
        "Each setting is an environment variable. `--config FILE.toml` takes the same names in lower case, such as\n"
        '`cds_port = 8080` or `cds_cors_origins = ["https://ehr.example.org"]`; the environment wins over the file.\n'
        "A wrong value stops the service with a message that names it; an unknown name stops it in the file and is\n"
        "warned of in the environment. An empty variable counts as not set.\n\n"
        "| setting | default | meaning |\n|---|---|---|\n"
    )
    rows = (
        f"| `{_PREFIX}{row.name.upper()}` | {row.metadata['shown']} | {row.metadata['meaning']} |\n" for row in _TABLE
    )
    return head + "".join(rows)
