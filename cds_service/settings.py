"""Every setting of the service, in one table; nothing else reads the environment.

`docs/settings.md` is made from this table by `settings_markdown`.
"""

from __future__ import annotations

import os
import re
import tomllib
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from cds_service.errors import SettingError

_PREFIX = "CDS_"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
_SWITCH = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}


class _Wrong(ValueError):
    """Why a value can't be used, and what to write instead: the end of a sentence."""


def _row(*, read: Callable[[str], Any], shown: str, meaning: str, secret: bool = False) -> dict[str, Any]:
    """What the table says of one setting; `shown` is the default as documented, a `secret` value is never repeated."""
    return {"read": read, "shown": shown, "meaning": meaning, "secret": secret}


def _text(value: str) -> str:
    return value


def _whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", value) or not lowest <= int(value) <= highest:
            raise _Wrong(f"write a whole number from {lowest} to {highest}")
        return int(value)

    return read


def _seconds(lowest: float, highest: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) or not lowest <= float(value) <= highest:
            raise _Wrong(f"write seconds from {lowest:g} to {highest:g}, such as 2.5")
        return float(value)

    return read


def _file(value: str) -> Path:
    if not Path(value).is_file():
        raise _Wrong("there is no such file: create it or correct the path")
    return Path(value)


def _on_or_off(value: str) -> bool:
    if value.lower() not in _SWITCH:
        raise _Wrong("write on or off")
    return _SWITCH[value.lower()]


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise _Wrong("write a URL such as https://cds.example.org, without a query")
    return value.rstrip("/")


def _database(value: str) -> str:
    if not re.fullmatch(r"sqlite:///[^\s].*|postgresql(\+psycopg)?://[^\s]+", value):
        raise _Wrong("write sqlite:////path/to/records.db or postgresql://user:password@host/database")
    return value


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in value.split(",") if part.strip())
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise _Wrong("write origins such as https://ehr.example.org, without a path, with commas between them")
    return origins


def _folder(value: str) -> Path:
    if not Path(value).is_dir():
        raise _Wrong("there is no such folder: create it or correct the path")
    return Path(value)


def _zone(value: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise _Wrong("write an IANA time zone such as America/New_York (on Windows: pip install tzdata)") from None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the service runs with. `unknown_names` are CDS_ variables of the environment that mean nothing here.

    `database_url` None: the command line then takes the file that `database_url()` names, others keep nothing.
    """

    host: str = field(
        default="127.0.0.1",
        metadata=_row(
            read=_text,
            shown="127.0.0.1",
            meaning="Address to listen on. Any other than a loopback address needs `serve --insecure`: "
            "the service does not yet know who is calling.",
        ),
    )
    port: int = field(
        default=8080,
        metadata=_row(read=_whole_number(0, 65535), shown="8080", meaning="Port to listen on; 0 takes any free one."),
    )
    workers: int = field(default=2, metadata=_row(read=_whole_number(1, 256), shown="2", meaning="Server processes."))
    threads: int = field(
        default=8,
        metadata=_row(read=_whole_number(1, 256), shown="8", meaning="Threads of each server process."),
    )
    public_url: str | None = field(
        default=None,
        metadata=_row(
            read=_url,
            shown="none",
            meaning="URL under which EHRs reach the service, without `/cds-services`; shown on its pages.",
        ),
    )
    cors_origins: tuple[str, ...] = field(
        default=(),
        metadata=_row(
            read=_origins,
            shown="none",
            meaning="Web origins whose pages may call the service, with commas between them. "
            "`*` allows every origin: for development only.",
        ),
    )
    site: Path | None = field(
        default=None,
        metadata=_row(
            read=_folder,
            shown="none",
            meaning="Folder with a hospital's changes to the tables; see `docs/changing-the-tables.md`.",
        ),
    )
    max_body: int = field(
        default=52_428_800,
        metadata=_row(
            read=_whole_number(1024, 2**31),
            shown="52428800",
            meaning="Largest request body, in bytes; a larger one is answered with 413.",
        ),
    )
    decision_extension: bool = field(
        default=True,
        metadata=_row(
            read=_on_or_off,
            shown="on",
            meaning="Whether answers carry the whole decision for machines beside the cards: `on` or `off`.",
        ),
    )
    validate: bool = field(
        default=False,
        metadata=_row(
            read=_on_or_off,
            shown="off",
            meaning="Whether the data of calls are validated in the background and counted by client and rule, see "
            "`docs/validation.md`: `on` or `off`. No call waits for it or fails by it.",
        ),
    )
    validate_endpoint: bool = field(
        default=False,
        metadata=_row(
            read=_on_or_off,
            shown="off",
            meaning="Whether `POST /validate` answers: `on` or `off`. For a playground; leave it off in production, "
            "where anybody who reaches it could keep the service busy.",
        ),
    )
    timezone: zoneinfo.ZoneInfo | None = field(
        default=None,
        metadata=_row(
            read=_zone,
            shown="the machine's",
            meaning="IANA time zone of the hospital, such as `America/New_York`; it decides what day it is when the "
            "age of a result is counted. Containers usually run in UTC: set it there.",
        ),
    )
    fhir_deadline: float = field(
        default=3.0,
        metadata=_row(
            read=_seconds(0.1, 60),
            shown="3",
            meaning="Seconds in which FHIR servers must give what a call lacks, all of it together; what has not come "
            "by then is unknown.",
        ),
    )
    fhir_calls: int | None = field(
        default=None,
        metadata=_row(
            read=_whole_number(1, 256),
            shown="two fewer than `CDS_THREADS`",
            meaning="Calls of one server process that may wait for FHIR servers at the same time; one more is "
            "judged without asking. Fewer than the threads, so that hung FHIR servers never block every thread.",
        ),
    )
    fhir_ca: Path | None = field(
        default=None,
        metadata=_row(
            read=_file,
            shown="the usual certificates",
            meaning="PEM file of the certificates to trust at FHIR servers, for a hospital's own authority.",
        ),
    )
    database_url: str | None = field(
        default=None,
        repr=False,
        metadata=_row(
            read=_database,
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
            read=_on_or_off,
            shown="off",
            meaning="Whether the free text that clinicians write when they override a card is kept: `on` or `off`. "
            "It may name a patient.",
        ),
    )
    shadow: bool = field(
        default=False,
        metadata=_row(
            read=_on_or_off,
            shown="off",
            meaning="Shadow mode: every call is judged and recorded, and nothing is shown; see `docs/feedback.md`.",
        ),
    )
    metrics_token: str | None = field(
        default=None,
        repr=False,
        metadata=_row(
            read=_text,
            shown="none",
            secret=True,
            meaning="Bearer token that `/metrics` asks for; without one whoever reaches the address may read it.",
        ),
    )
    log_key: str | None = field(
        default=None,
        repr=False,
        metadata=_row(
            read=_text,
            shown="none",
            secret=True,
            meaning="Key for the hashes under which patients appear in logs and records; none: a new random one at "
            "each start.",
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
    values = {names[name].name: _read(names[name], value, where) for name, (value, where) in given.items()}
    unknown = sorted(name for name in environ if name.startswith(_PREFIX) and name not in names)
    return Settings(**values, unknown_names=tuple(unknown))


def database_url(settings: Settings, environ: Mapping[str, str]) -> str:
    """Where feedback and records are kept: as the settings say, else a SQLite file in the folder for such files.

    Source: systemd.exec, StateDirectory; XDG Base Directory Specification, XDG_STATE_HOME.
    """
    if settings.database_url:
        return settings.database_url
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
    except _Wrong as wrong:
        said = "can't be used (its value is secret)" if row.metadata["secret"] else f'is "{value}"'
        raise SettingError(f"{where} {said}; {wrong}") from None


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
