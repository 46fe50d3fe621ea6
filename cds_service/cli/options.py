"""Options shared by several commands, and what is derived from them: settings, local time, FHIR server, store.

FHIR access and the database bring large libraries with them, so they are imported where they are used.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cds_service.errors import SetupError, StoreUnavailable
from cds_service.setting_values import InvalidValue, certificates, whole_number
from cds_service.settings import Settings, environment, load_settings

if TYPE_CHECKING:
    from cds_service.cli.fhir_source import FhirSource
    from cds_service.storage.store import Store

T = TypeVar("T")


def later(module: str, function: str = "run") -> Callable[[argparse.Namespace], int]:
    """What a command does: a function of a module of `cli/`, imported when it is called; some bring large libraries."""

    def run(args: argparse.Namespace) -> int:
        return int(getattr(import_module(f"cds_service.cli.{module}"), function)(args))

    return run


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings, see docs/settings.md")


def add_site(parser: argparse.ArgumentParser) -> None:
    """Add `--site DIR`."""
    parser.add_argument(
        "--site", type=Path, metavar="DIR", help="folder of a hospital's changes, instead of the setting CDS_SITE"
    )


def add_fhir_access(parser: argparse.ArgumentParser) -> None:
    """Add the options to access a FHIR server: `--token`, `--smart-client`, `--ca`, `--rate`."""
    access = parser.add_mutually_exclusive_group()
    access.add_argument("--token", metavar="TOKEN", help="bearer token for the FHIR server")
    access.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the same from a file, so that no list of processes shows it"
    )
    access.add_argument("--token-env", metavar="NAME", help="the same from an environment variable")
    access.add_argument(
        "--smart-client",
        type=Path,
        metavar="FILE",
        help="TOML file of a SMART backend services client, see docs/sandbox-testing.md",
    )
    parser.add_argument(
        "--ca", type=as_option(certificates), metavar="FILE", help="PEM file of CA certificates for the FHIR server"
    )
    parser.add_argument(
        "--rate", type=_rate, metavar="N", help="most requests per second (2; no limit for a server on this machine)"
    )


def add_request_source(parser: argparse.ArgumentParser, hooks: Sequence[str]) -> None:
    """Add `--request` or `--fhir-server`, and the options that go with the server; `hooks` are those to choose from."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--request", type=Path, metavar="FILE", help="a hook request as JSON")
    what.add_argument("--fhir-server", metavar="URL", help="base URL of a FHIR R4 server, to build the request from")
    add_fhir_access(parser)
    parser.add_argument("--patient", metavar="ID", help="id of the patient on the FHIR server")
    parser.add_argument("--hook", choices=hooks, help="the hook that fires")
    parser.add_argument(
        "--order", metavar="ORDER", help="a procedure of the tables, SYSTEM|CODE, or ServiceRequest/ID on the server"
    )
    parser.add_argument("--user", metavar="REF", help="reference of the ordering user (Practitioner/example)")
    parser.add_argument(
        "--no-prefetch", action="store_true", help="send no prefetch: the service must read the FHIR server itself"
    )


FHIR_ACCESS = ("token", "token_file", "token_env", "smart_client", "ca", "rate")
"""What `add_fhir_access` adds."""
TOKEN = ("token", "token_file", "token_env")


def reject_options(args: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Reject options that would do nothing here: nothing that is given is ignored.

    Args:
        args: the parsed command line.
        names: names of options, as of `args`.
        why: the end of the sentence, such as "goes with --fhir-server".

    Raises:
        SetupError: one is given.
    """
    given = [name for name in names if getattr(args, name)]
    if given:
        raise SetupError(f"--{given[0].replace('_', '-')} {why}")


def fhir_source(args: argparse.Namespace) -> FhirSource:
    """The FHIR server of `--fhir-server`, with the given token or one requested for `--smart-client`.

    Raises:
        SetupError: the server or the client can't be used.
    """
    from cds_service.cli.fhir_source import FhirSource
    from cds_service.cli.keys import fetch_token, read_smart_client

    token = token_of(args)
    if args.smart_client:
        verify: bool | str = str(args.ca) if args.ca else True
        token = fetch_token(read_smart_client(args.smart_client), args.fhir_server, verify)
    return FhirSource(args.fhir_server, token, ca=args.ca, rate=args.rate)


def token_of(args: argparse.Namespace) -> str | None:
    """The bearer token of `--token`, `--token-env` or `--token-file`; None without one.

    Raises:
        SetupError: the file or variable can't be read, or is empty.
    """
    if args.token_env:
        if not (token := environment().get(args.token_env, "").strip()):
            raise SetupError(f"--token-env {args.token_env}: there is no such environment variable, or it is empty")
        return token
    path: Path | None = args.token_file
    if path is None:
        given: str | None = args.token
        return given
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise SetupError(f"{path}: can't be read ({why}); give a file that holds only the token") from None
    if not token:
        raise SetupError(f"{path}: is empty; give a file that holds only the token")
    return token


def as_option(parse: Callable[[str], T]) -> Callable[[str], T]:
    """What reads the value of a setting, as the `type` of an option: a wrong value is told with what to write."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except InvalidValue as error:
            raise argparse.ArgumentTypeError(f"{text}: {error}") from None

    return read


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """The `type` of an option that is a whole number in a range, inclusive."""
    return as_option(whole_number(lowest, highest))


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f'"{text}"; write a number of requests above 0, at most 1000')
    return rate


def settings_of(args: argparse.Namespace, **flags: object) -> Settings:
    """The settings in force.

    Args:
        args: the parsed command line; `config` and `site` are read if the command has them.
        flags: settings given as options, such as `port`; None leaves the setting unchanged.

    Raises:
        SettingError: a value can't be used.
    """
    given = {f"CDS_{name.upper()}": str(value) for name, value in flags.items() if value is not None}
    options = {f"CDS_{name.upper()}": f"--{name.replace('_', '-')}" for name in flags}
    settings = load_settings(environment() | given, args.config, {name: options[name] for name in given})
    site = getattr(args, "site", None)
    return replace(settings, site=site) if site else settings


def local_now(settings: Settings) -> datetime:
    """The time in the hospital's zone (aware); in the machine's zone if none is set."""
    return datetime.now(settings.timezone) if settings.timezone else datetime.now().astimezone()


def add_format(parser: argparse.ArgumentParser, choices: Sequence[str], explained: str) -> None:
    """Add `--format`, text by default, and `--json`, which is short for `--format json`."""
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--format", choices=choices, default="text", help=explained)
    shape.add_argument("--json", action="store_const", dest="format", const="json", help="the same as --format json")


def add_period(parser: argparse.ArgumentParser) -> None:
    """Add `--since DATE` and `--until DATE`."""
    parser.add_argument("--since", type=_date, metavar="DATE", help="first day, as 2026-11-01")
    parser.add_argument("--until", type=_date, metavar="DATE", help="last day, inclusive")


def period_of(args: argparse.Namespace, settings: Settings) -> tuple[datetime | None, datetime | None]:
    """The period as aware times: the start of the day `--since`, and the end of the day `--until`.

    Raises:
        SetupError: it ends before it starts.
    """
    if args.since and args.until and args.until < args.since:
        raise SetupError(f"--until {args.until} is before --since {args.since}; exchange the two days")
    zone = local_now(settings).tzinfo
    since = datetime.combine(args.since, time(), zone) if args.since else None
    until = datetime.combine(args.until + timedelta(days=1), time(), zone) if args.until else None
    return since, until


def open_store(settings: Settings, *, create: bool = False) -> Store:
    """The database of the settings, with the tables of this release.

    With `create` a file that is not there yet is made, and tables of an older release are migrated. Otherwise they are
    left alone: that release may still be running, and could not be started again.

    Raises:
        SetupError: there is none, it can't be reached, or its tables are those of another release.
    """
    from cds_service.storage.store import Store, file_of

    url = settings.database_url or ""
    file = file_of(url)
    if file is not None and not create and not file.exists():
        raise SetupError(
            f"{file}: there is no such database. The service creates it when it starts; if it is elsewhere, name it in "
            "CDS_DATABASE_URL"
        )
    store = Store(url)
    try:
        store.upgrade(migrate=create)
    except StoreUnavailable as error:
        raise SetupError(
            f"CDS_DATABASE_URL {store.display_url}: {error.message} Start the database, or correct the setting"
        ) from None
    return store


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is not a date; write one such as 2026-11-01') from None
