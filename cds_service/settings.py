"""Every setting of the service, in one table; no other module reads the environment.

`settings_page.py` generates `docs/settings.md` from this table.
"""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from cds_service import setting_values as values
from cds_service.errors import SettingError
from cds_service.setting_sources import IN_FILE, default_database, parse_value, read_config, service_links, with_secrets

_PREFIX = "CDS_"


def _metadata(*, parse: Callable[[str], Any], default_text: str, meaning: str, secret: bool = False) -> dict[str, Any]:
    """Metadata of one setting; `default_text` is the documented default. A secret value appears in no message."""
    return {"parse": parse, "default_text": default_text, "meaning": meaning, "secret": secret}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force.

    `unknown_names` are CDS_ environment variables that are not settings, `service_links` those that Kubernetes sets.

    `database_url` None stores nothing; `load_settings` sets the default file.
    """

    host: str = field(
        default="127.0.0.1",
        metadata=_metadata(
            parse=values.text,
            default_text="127.0.0.1",
            meaning="Address to listen on. An address other than loopback needs `CDS_CLIENTS` or `serve --insecure`.",
        ),
    )
    port: int = field(
        default=8080,
        metadata=_metadata(
            parse=values.whole_number(0, 65535), default_text="8080", meaning="Port to listen on; 0 for any free port."
        ),
    )
    workers: int = field(
        default=2, metadata=_metadata(parse=values.whole_number(1, 256), default_text="2", meaning="Server processes.")
    )
    threads: int = field(
        default=8,
        metadata=_metadata(
            parse=values.whole_number(1, 256), default_text="8", meaning="Threads of each server process."
        ),
    )
    public_url: str | None = field(
        default=None,
        metadata=_metadata(
            parse=values.url,
            default_text="none",
            meaning="URL where EHRs reach the service, without `/cds-services`. The audience (`aud`) of clients' "
            "tokens is checked against it; shown on the pages.",
        ),
    )
    clients: Path | None = field(
        default=None,
        metadata=_metadata(
            parse=values.file,
            default_text="none",
            meaning="File of registered EHRs, see `docs/integration.md`. If set, every call needs a token; otherwise "
            "anyone may call, and the service listens on a loopback address only. Needs `CDS_PUBLIC_URL`.",
        ),
    )
    redis_url: str | None = field(
        default=None,
        repr=False,
        metadata=_metadata(
            parse=values.redis_url,
            default_text="none",
            secret=True,
            meaning="Redis where several machines share used tokens and call counts. A single machine needs none. "
            "Needs the extra `redis`.",
        ),
    )
    rate_limit: str | None = field(
        default="12000/minute",
        metadata=_metadata(
            parse=values.rate_limit,
            default_text="12000/minute",
            meaning="Rate limit per client (without `CDS_CLIENTS`: per address); calls above it are answered "
            "with 429. `off` for no limit. Without `CDS_REDIS_URL` each server process counts on its own.",
        ),
    )
    log_level: str = field(
        default="INFO",
        metadata=_metadata(
            parse=values.log_level, default_text="INFO", meaning="Lowest level that is logged: DEBUG to ERROR."
        ),
    )
    log_key: bytes | None = field(
        default=None,
        repr=False,
        metadata=_metadata(
            parse=values.log_key,
            default_text="a new one at each start",
            secret=True,
            meaning="Secret of 16 characters or more with which patient ids are hashed in logs and records, and links "
            "to summaries signed. Set it if these must match across restarts or machines; and keep it like a password.",
        ),
    )
    log_key_old: tuple[bytes, ...] = field(
        default=(),
        repr=False,
        metadata=_metadata(
            parse=values.log_keys,
            default_text="none",
            secret=True,
            meaning="Former values of `CDS_LOG_KEY`, separated by commas: cards that were answered or shown before the "
            "key was changed are known by them. Remove them after 30 days.",
        ),
    )
    cors_origins: tuple[str, ...] = field(
        default=(),
        metadata=_metadata(
            parse=values.origins,
            default_text="none",
            meaning="Web origins whose pages may call the service, separated by commas. Without `CDS_CLIENTS` and "
            "on a loopback address, pages served by this machine may call too. `*` allows every origin: for "
            "development only.",
        ),
    )
    site: Path | None = field(
        default=None,
        metadata=_metadata(
            parse=values.folder,
            default_text="none",
            meaning="Folder with a hospital's changes to the tables; see `docs/changing-the-tables.md`.",
        ),
    )
    try_: bool | None = field(
        default=None,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="on without `CDS_CLIENTS` and on a loopback address, else off",
            meaning="The page `/try`, on which people try orders with made-up patients; nothing of it is stored. "
            "It needs no token, so `on` makes it open to everyone who reaches the service.",
        ),
    )
    max_body: int = field(
        default=52_428_800,
        metadata=_metadata(
            parse=values.whole_number(1024, 2**31),
            default_text="52428800",
            meaning="Largest request body, in bytes; a larger one is answered with 413.",
        ),
    )
    decision_extension: bool = field(
        default=True,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="on",
            meaning="Whether responses contain the machine-readable decision besides the cards: `on` or `off`.",
        ),
    )
    unknown_ir_orders: bool = field(
        default=True,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="on",
            meaning="Whether one info card lists the orders that look like interventional radiology and match no known "
            "procedure, so that no card about them is not taken for an all-clear: `on` or `off`.",
        ),
    )
    patient_view: str = field(
        default="quiet",
        metadata=_metadata(
            parse=values.word("quiet", "options"),
            default_text="quiet",
            meaning="What patient-view shows: `quiet` for no card, the decision alone, or `options` for one info card "
            "with the interventional options that the record supports.",
        ),
    )
    language: str = field(
        default="en",
        metadata=_metadata(
            parse=values.text,
            default_text="en",
            meaning="Language of the cards, one that the tables have a wording of, such as `en`. A client may have its "
            "own, see `docs/integration.md`.",
        ),
    )
    validate: bool = field(
        default=False,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="off",
            meaning="Whether the data of calls are validated in the background and faults counted by client and rule, "
            "see `docs/validation.md`: `on` or `off`. No call waits for it or fails because of it.",
        ),
    )
    validate_endpoint: bool = field(
        default=False,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="off",
            meaning="Whether `POST /validate` is available: `on` or `off`. For a playground; leave it off in "
            "production, where anyone who reaches it could overload the service.",
        ),
    )
    timezone: zoneinfo.ZoneInfo | None = field(
        default=None,
        metadata=_metadata(
            parse=values.zone,
            default_text="the machine's",
            meaning="IANA time zone of the hospital, such as `America/New_York`; the age of a result is counted in "
            "days of this zone. Containers usually run in UTC: set it there.",
        ),
    )
    fhir_deadline: float = field(
        default=3.0,
        metadata=_metadata(
            parse=values.seconds(0.1, 60),
            default_text="3",
            meaning="Seconds in which all data missing from prefetch must be retrieved from the FHIR server; data not "
            "retrieved by then are unknown.",
        ),
    )
    fhir_calls: int | None = field(
        default=None,
        metadata=_metadata(
            parse=values.whole_number(1, 256),
            default_text="two fewer than `CDS_THREADS`",
            meaning="Calls of one server process that may wait for FHIR servers at the same time; calls above the "
            "limit skip the fetch. Fewer than the threads, so that hung FHIR servers never block every thread.",
        ),
    )
    fhir_ca: Path | None = field(
        default=None,
        metadata=_metadata(
            parse=values.certificates,
            default_text="the public CAs",
            meaning="PEM file of the CA certificates to verify FHIR servers with, for a hospital's own CA.",
        ),
    )
    database_url: str | None = field(
        default=None,
        repr=False,
        metadata=_metadata(
            parse=values.database,
            default_text="a SQLite file",
            secret=True,
            meaning="Database for feedback and records: `sqlite:////path/to/records.db` or "
            "`postgresql://user:password@host/database`. The file is `records.db` in `$STATE_DIRECTORY`, else "
            "`cds-service/records.db` in `$XDG_STATE_HOME`, else in `~/.local/state`.",
        ),
    )
    records_within: float = field(
        default=0.25,
        metadata=_metadata(
            parse=values.seconds(0.01, 10),
            default_text="0.25",
            meaning="Seconds within which the record of an answered call is on disk; more let one write carry more "
            "records. A process that is killed loses the records of this time; one that is stopped stores them.",
        ),
    )
    keep_references: bool = field(
        default=False,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="off",
            meaning="Whether records hold the ids of the resources that an answer rests on, for `cds-service explain`; "
            "otherwise only their types.",
        ),
    )
    keep_words: bool = field(
        default=False,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="off",
            meaning="Whether the words of orders and entries that could not be read are counted by name, for the page "
            "of `cds-service feedback`: `on` or `off`. Codes always are; words are free text and may name a patient.",
        ),
    )
    keep_comments: bool = field(
        default=False,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="off",
            meaning="Whether the free text that clinicians write when they override a card is stored: `on` or `off`. "
            "It may name a patient.",
        ),
    )
    shadow: bool = field(
        default=False,
        metadata=_metadata(
            parse=values.on_or_off,
            default_text="off",
            meaning="Shadow mode: every call is judged and recorded, but no card is shown; see `docs/feedback.md`.",
        ),
    )
    nothing_retrieved: int = field(
        default=200,
        metadata=_metadata(
            parse=values.one_of(200, 412),
            default_text="200",
            meaning="Status where nothing of a patient's record could be retrieved: `200` with a card that says so, or "
            "`412` for clients that show an HTTP error to the clinician.",
        ),
    )
    summary_links: int = field(
        default=0,
        metadata=_metadata(
            parse=values.minutes_or_off(5, 1440, usual=15),
            default_text="off",
            meaning="Whether the first card links to the pre-procedure summary of its call, see `docs/summary.md`: "
            "`off`, `on` for 15 minutes, or for how many (5 to 1440). Whoever has the link can read it until then.",
        ),
    )
    metrics_token: str | None = field(
        default=None,
        repr=False,
        metadata=_metadata(
            parse=values.text,
            default_text="none",
            secret=True,
            meaning="Bearer token required for `/metrics`; without one anyone who reaches the address may read them.",
        ),
    )
    unknown_names: tuple[str, ...] = ()
    service_links: tuple[str, ...] = ()

    def with_secrets_of(self, other: Settings) -> Settings:
        """These settings with the secrets of others: passwords and keys that were changed while the service runs."""
        return replace(self, **{row.name: getattr(other, row.name) for row in SETTINGS if row.metadata["secret"]})


SETTINGS: tuple[Field[Any], ...] = tuple(row for row in fields(Settings) if row.metadata)
"""The settings, one field each."""


def variable_of(row: Field[Any]) -> str:
    """The environment variable of a setting; a field that would be a word of Python ends in `_`."""
    return _PREFIX + row.name.rstrip("_").upper()


def environment() -> dict[str, str]:
    """The environment of the process, for `load_settings`."""
    return dict(os.environ)


def load_settings(
    environ: Mapping[str, str], config: Path | None = None, options: Mapping[str, str] | None = None
) -> Settings:
    """The settings in force: the environment first, then the file, then the defaults.

    A secret may be in a file of its own, named by its variable with `_FILE`, such as CDS_LOG_KEY_FILE.

    Args:
        environ: the environment; a command-line flag is passed as the corresponding variable.
        config: TOML file with the same names in lower case, `cds_port = 8080`.
        options: what a message calls a variable that was an option, such as `--port` for CDS_PORT.

    Raises:
        SettingError: a value can't be used, or the file can't be read or has an unknown name.
    """
    names = {variable_of(row): row for row in SETTINGS}
    links = service_links(environ)
    told = options or {}
    variables = {
        name: (value, told.get(name, name)) for name, value in environ.items() if value.strip() and name not in links
    }
    files = {name + IN_FILE: name for name, row in names.items() if row.metadata["secret"]}
    given = with_secrets(read_config(config, [*names, *files]) if config else {}, files)
    given |= with_secrets({name: found for name, found in variables.items() if name in names or name in files}, files)
    parsed = {names[name].name: parse_value(names[name], value, where) for name, (value, where) in given.items()}
    parsed.setdefault("database_url", default_database(environ))
    calls, threads = parsed.get("fhir_calls"), parsed.get("threads", Settings().threads)
    if calls is not None and calls >= threads:
        raise SettingError(f"CDS_FHIR_CALLS is {calls}; write fewer than CDS_THREADS, which is {threads}")
    unknown = sorted(
        name for name in environ if name.startswith(_PREFIX) and not (name in names or name in files or name in links)
    )
    return Settings(**parsed, unknown_names=tuple(unknown), service_links=links)


def share_metrics(folder: Path) -> None:
    """Let worker processes started from now on share their metrics in one folder.

    Source: prometheus_client, Multiprocess Mode; the variable is read when the library is first imported.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
