"""Settings -> `docs/settings.md`, as `make docs` writes it."""

from __future__ import annotations

from cds_service.settings import SETTINGS, variable_of


def _secret_names() -> str:
    *names, last = (f"`{variable_of(row)}`" for row in SETTINGS if row.metadata["secret"])
    return f"{', '.join(names)} and {last}"


def settings_markdown() -> str:
    """The content of `docs/settings.md`."""
    head = (
        "# Settings\n\n"
        "Each setting is an environment variable. `--config FILE.toml` takes the same names in lower case, such as\n"
        '`cds_port = 8080` or `cds_cors_origins = ["https://ehr.example.org"]`; the environment overrides the file.\n'
        "A wrong value stops the service with a message that names it. An unknown name in the file stops it too; in\n"
        "the environment it only causes a warning. An empty variable counts as not set.\n\n"
        "A secret can be in a file of its own: write its path to the variable with `_FILE` at the end, such as\n"
        "`CDS_LOG_KEY_FILE=/run/secrets/log-key`. SIGHUP reads these files again. They exist for "
        f"{_secret_names()}.\n\n"
        "| setting | default | meaning |\n|---|---|---|\n"
    )
    rows = (
        f"| `{variable_of(row)}` | {row.metadata['default_text']} | {row.metadata['meaning']} |\n" for row in SETTINGS
    )
    return head + "".join(rows)
