"""Where settings come from besides their own variables: a configuration file, files of secrets, the state folder."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import Field
from pathlib import Path
from typing import Any

from cds_service.errors import SettingError
from cds_service.near_names import did_you_mean
from cds_service.setting_values import InvalidValue

IN_FILE = "_FILE"
"""End of the name of a variable that names the file of a secret."""
_SERVICE_LINK = re.compile(
    r"CDS_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)=.*"
    r"|CDS_(?:\w+_)?PORT=(?:tcp|udp|sctp)://.*"
)


def service_links(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that Kubernetes sets for each Service whose name starts with `cds`; they look like settings.

    Source: Kubernetes, Service, Discovering services, Environment variables.
    """
    return tuple(sorted(name for name, value in environ.items() if _SERVICE_LINK.fullmatch(f"{name}={value}")))


def with_secrets(given: Mapping[str, tuple[str, str]], files: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Value and origin of each setting, after reading the files of secrets.

    Args:
        given: name -> value and origin, from one source.
        files: name of a variable that names a file -> name of the setting.

    Raises:
        SettingError: a file can't be read or is empty, or a setting is given both ways.
    """
    found = {name: value for name, value in given.items() if name not in files}
    for name, (path, where) in given.items():
        if name in files:
            if files[name] in found:
                raise SettingError(f"{where} and {found[files[name]][1]} are both set; keep one of them")
            found[files[name]] = (read_secret(Path(path.strip()), where), where)
    return found


def read_secret(path: Path, where: str = "") -> str:
    """The content of a file that holds one secret; `where` is what names the file.

    Raises:
        SettingError: it can't be read, or is empty.
    """
    named = f"{where}: {path}" if where else str(path)
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise SettingError(f"{named} can't be read ({reason}); correct the path or its rights") from None
    if not secret:
        raise SettingError(f"{named} is empty; write the secret into it")
    return secret


def read_config(config: Path, names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Value and origin of each setting in a TOML file, by the name of its variable.

    Raises:
        SettingError: the file can't be read, or has a name that is not one of `names`.
    """
    try:
        content = tomllib.loads(config.read_text("utf-8"))
    except OSError as error:
        raise SettingError(f"{config}: can't be read ({error.strerror}); correct the path after --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{config}: is not TOML ({error}); write lines like cds_port = 8080") from None
    unknown = [name for name in content if name.upper() not in names or name != name.lower()]
    if unknown:
        known = [name.lower() for name in names]
        meant = did_you_mean(unknown[0].lower(), known, f"the settings are {', '.join(known)}")
        raise SettingError(f"{config}: {unknown[0]} is not a setting; {meant}")
    return {name.upper(): (_as_text(value), f"{config}: {name}") for name, value in content.items()}


def _as_text(value: Any) -> str:
    """A TOML value as the text of an environment variable."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def default_database(environ: Mapping[str, str]) -> str:
    """A SQLite file in the state folder.

    Source: systemd.exec, StateDirectory; XDG Base Directory Specification, XDG_STATE_HOME.
    """
    folder = environ.get("STATE_DIRECTORY")
    if not folder:
        home = environ.get("XDG_STATE_HOME") or f"{Path.home()}/.local/state"
        folder = f"{home}/cds-service"
    return f"sqlite:///{folder}/records.db"


def parse_value(setting: Field[Any], value: str, where: str) -> Any:
    """The value of a setting; `where` is what gave it.

    Raises:
        SettingError: it can't be used. The message holds it, unless it is a secret.
    """
    try:
        return setting.metadata["parse"](value.strip())
    except InvalidValue as error:
        found = "can't be used" if setting.metadata["secret"] else f'is "{value}"'
        raise SettingError(f"{where} {found}; {error}") from None
