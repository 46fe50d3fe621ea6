"""Settings: where they come from, which wins, and what a wrong one is answered with."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cds_service.errors import SettingError
from cds_service.settings import Settings, load_settings
from cds_service.settings_page import settings_markdown

DOCUMENTED = Path(__file__).parents[1] / "docs" / "settings.md"

NO_DATABASE = {"CDS_DATABASE_URL": "sqlite:///none.db"}


def written(folder: Path, text: str) -> Path:
    """A configuration file with this text."""
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_defaults_keep_the_service_to_this_machine() -> None:
    """Without any setting the service listens on this machine only and no web page may call it."""
    assert load_settings(NO_DATABASE) == Settings(database_url="sqlite:///none.db")
    assert (Settings().host, Settings().port, Settings().cors_origins) == ("127.0.0.1", 8080, ())


def test_every_setting_can_be_given_by_the_environment(tmp_path: Path) -> None:
    """Each setting is read from the environment variable of its name."""
    environ = {
        "CDS_HOST": "0.0.0.0",  # noqa: S104  read, not listened on
        "CDS_PORT": "9000",
        "CDS_WORKERS": "3",
        "CDS_THREADS": "5",
        "CDS_PUBLIC_URL": "https://cds.example.org/",
        "CDS_CLIENTS": __file__,
        "CDS_REDIS_URL": "redis://cache.example.org:6379/1",
        "CDS_RATE_LIMIT": "10 / second",
        "CDS_LOG_LEVEL": "warning",
        "CDS_LOG_KEY": "0123456789abcdef",
        "CDS_CORS_ORIGINS": "https://a.example, http://localhost:3000",
        "CDS_SITE": str(tmp_path),
        "CDS_MAX_BODY": "2048",
        "CDS_DECISION_EXTENSION": "off",
        "CDS_TIMEZONE": "America/New_York",
        "CDS_DATABASE_URL": "postgresql://records:geheim@db/records",
        "CDS_KEEP_COMMENTS": "1",
        "CDS_SHADOW": "on",
        "CDS_METRICS_TOKEN": "a token",
    }
    assert load_settings(environ) == Settings(
        host="0.0.0.0",  # noqa: S104  read, not listened on
        port=9000,
        workers=3,
        threads=5,
        public_url="https://cds.example.org",
        clients=Path(__file__),
        redis_url="redis://cache.example.org:6379/1",
        rate_limit="10/second",
        log_level="WARNING",
        log_key=b"0123456789abcdef",
        cors_origins=("https://a.example", "http://localhost:3000"),
        site=tmp_path,
        max_body=2048,
        decision_extension=False,
        timezone=ZoneInfo("America/New_York"),
        database_url="postgresql://records:geheim@db/records",
        keep_comments=True,
        shadow=True,
        metrics_token="a token",  # noqa: S106  of the test
    )


def test_a_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    """A configuration file uses the same names in lower case, and a variable of the environment wins over it."""
    config = written(
        tmp_path,
        'cds_port = 9000\ncds_workers = 3\ncds_cors_origins = ["https://a.example"]\ncds_decision_extension = false\n',
    )
    settings = load_settings({"CDS_PORT": "9001"}, config)
    assert (settings.port, settings.workers, settings.decision_extension) == (9001, 3, False)
    assert settings.cors_origins == ("https://a.example",)


def test_an_empty_variable_counts_as_not_set() -> None:
    """A variable set to nothing, as container files often do, leaves the default."""
    assert load_settings(NO_DATABASE | {"CDS_SITE": "", "CDS_PORT": " "}) == load_settings(NO_DATABASE)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("CDS_PORT", "http", "write a whole number from 0 to 65535"),
        ("CDS_PORT", "70000", "write a whole number from 0 to 65535"),
        ("CDS_WORKERS", "0", "write a whole number from 1 to 256"),
        ("CDS_THREADS", "-1", "write a whole number from 1 to 256"),
        ("CDS_MAX_BODY", "50MB", "write a whole number from 1024"),
        ("CDS_PUBLIC_URL", "cds.example.org", "write a URL such as"),
        ("CDS_CLIENTS", "/no/such/file", "there is no such file"),
        ("CDS_RATE_LIMIT", "10", "write calls per time"),
        ("CDS_SUMMARY_LINKS", "4", "write on, off, or a number of minutes from 5 to 1440"),
        ("CDS_RATE_LIMIT", "0/second", "write calls per time"),
        ("CDS_LOG_LEVEL", "loud", "write one of DEBUG"),
        ("CDS_CORS_ORIGINS", "https://a.example/path", "write origins such as"),
        ("CDS_SITE", "/no/such/folder", "there is no such folder"),
        ("CDS_DECISION_EXTENSION", "maybe", "write on or off"),
        ("CDS_TIMEZONE", "Mars/Olympus", "write an IANA time zone"),
        ("CDS_TIMEZONE", "../etc/passwd", "write an IANA time zone"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(name: str, value: str, remedy: str) -> None:
    """A setting that can't be used stops the start with its name, its value and what to write instead."""
    with pytest.raises(SettingError) as error:
        load_settings({name: value})
    assert error.value.message.startswith(f'{name} is "{value}"; {remedy}')


@pytest.mark.parametrize(("value", "minutes"), [("on", 15), ("1", 15), ("off", 0), ("0", 0), ("5", 5), ("1440", 1440)])
def test_links_to_summaries_are_on_for_some_minutes(value: str, minutes: int) -> None:
    """A switch or a number of minutes; off where nothing is set."""
    assert load_settings({"CDS_SUMMARY_LINKS": value}).summary_links == minutes
    assert load_settings({}).summary_links == 0


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("CDS_REDIS_URL", "http://user:hunter2@cache.example.org", "write a URL such as redis://"),
        ("CDS_LOG_KEY", "hunter2", "write at least 16 random characters"),
    ],
)
def test_a_secret_is_never_repeated(name: str, value: str, remedy: str) -> None:
    """A secret that can't be used is named and not shown, and the settings don't show one either."""
    with pytest.raises(SettingError) as error:
        load_settings({name: value})
    assert error.value.message.startswith(f"{name} can't be used; {remedy}")
    assert "hunter2" not in error.value.message
    assert "hunter2" not in repr(Settings(redis_url="redis://:hunter2@cache", log_key=b"hunter2"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cds_prot = 1\n", 'cds_prot is not a setting; did you mean "cds_port"?'),
        ("xyzzy = 1\n", "xyzzy is not a setting; the settings are cds_host, cds_port"),
        ("CDS_PORT = 1\n", 'CDS_PORT is not a setting; did you mean "cds_port"?'),
        ("cds_port = \n", "is not TOML"),
        ('cds_port = "x"\n', 'cds_port is "x"; write a whole number'),
    ],
)
def test_a_wrong_file_is_named_with_its_remedy(tmp_path: Path, text: str, message: str) -> None:
    """A mistake in a configuration file stops the start with the file, the place and what to write."""
    with pytest.raises(SettingError) as error:
        load_settings({}, written(tmp_path, text))
    assert "config.toml" in error.value.message
    assert message in error.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A configuration file that is not there stops the start: its settings were meant to apply."""
    with pytest.raises(SettingError, match="correct the path after --config"):
        load_settings({}, tmp_path / "none.toml")


def test_an_unknown_variable_is_kept_for_a_warning() -> None:
    """A misspelled variable does not stop the service but is known, so that the start can warn of it."""
    assert load_settings({"CDS_SIET": "x", "PATH": "/bin"}).unknown_names == ("CDS_SIET",)


def test_secrets_are_not_repeated() -> None:
    """A database URL with its password, a token and a key are in no message and no listing of the settings."""
    with pytest.raises(SettingError) as error:
        load_settings({"CDS_DATABASE_URL": "mysql://records:geheim@db/records"})
    assert error.value.message.startswith("CDS_DATABASE_URL can't be used; write sqlite:")
    assert "geheim" not in error.value.message
    environ = {
        "CDS_DATABASE_URL": "postgresql://u:geheim@db/r",
        "CDS_METRICS_TOKEN": "geheim",
        "CDS_LOG_KEY": "geheim-geheim-geheim",
    }
    assert "geheim" not in repr(load_settings(environ))


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"STATE_DIRECTORY": "/var/lib/cds-service"}, "sqlite:////var/lib/cds-service/records.db"),
        ({"XDG_STATE_HOME": "/home/a/state"}, "sqlite:////home/a/state/cds-service/records.db"),
        ({}, f"sqlite:///{Path.home()}/.local/state/cds-service/records.db"),
    ],
)
def test_without_a_setting_the_store_is_a_file_of_the_user(environ: dict[str, str], url: str) -> None:
    """The default database is a file where programs keep what must outlive them, never the current folder."""
    assert load_settings(environ).database_url == url
    assert load_settings(environ | {"CDS_DATABASE_URL": "sqlite:///mine.db"}).database_url == "sqlite:///mine.db"


def test_the_page_of_settings_is_the_table() -> None:
    """docs/settings.md says what settings.py says."""
    assert DOCUMENTED.read_text("utf-8") == settings_markdown()


SECRETS = {
    "CDS_DATABASE_URL": "postgresql://records:geheim@db/records",
    "CDS_REDIS_URL": "redis://:geheim@cache:6379/1",
    "CDS_LOG_KEY": "0123456789abcdef",
    "CDS_LOG_KEY_OLD": "fedcba9876543210",
    "CDS_METRICS_TOKEN": "geheim",
}


def test_every_secret_can_be_in_a_file(tmp_path: Path) -> None:
    """A secret is read from the file that its variable with _FILE names; the configuration file can name it too."""
    secret = {field.name for field in fields(Settings) if field.metadata.get("secret")}
    assert {name.removeprefix("CDS_").lower() for name in SECRETS} == secret
    paths = {f"{name}_FILE": tmp_path / name for name in SECRETS}
    for name, value in SECRETS.items():
        (tmp_path / name).write_text(f"{value}\n", "utf-8")
    expected = load_settings(SECRETS)
    assert load_settings({name: str(path) for name, path in paths.items()}) == expected
    lines = (f'{name.lower()} = "{path}"\n' for name, path in paths.items())
    assert load_settings({}, written(tmp_path, "".join(lines))) == expected


def test_the_file_of_a_secret_must_be_of_use(tmp_path: Path) -> None:
    """A file that is missing or empty, and a secret given twice, are named with the remedy and without the secret."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "key").write_text("too short")
    for path, problem in (("none", "can't be read"), ("empty", "is empty"), ("key", "CDS_LOG_KEY_FILE can't be used")):
        with pytest.raises(SettingError, match=problem) as error:
            load_settings(NO_DATABASE | {"CDS_LOG_KEY_FILE": str(tmp_path / path)})
        assert "too short" not in error.value.message
    with pytest.raises(SettingError, match="CDS_LOG_KEY_FILE and CDS_LOG_KEY are both set"):
        load_settings(NO_DATABASE | {"CDS_LOG_KEY_FILE": str(tmp_path / "key"), "CDS_LOG_KEY": "0123456789abcdef"})
    with pytest.raises(SettingError, match="cds_port_file is not a setting"):
        load_settings(NO_DATABASE, written(tmp_path, 'cds_port_file = "x"'))


def test_the_variables_of_a_kubernetes_service_are_no_settings() -> None:
    """A Service whose name starts with cds sets variables in each pod: ignored, and told apart from mistakes."""
    links = {
        "CDS_PORT": "tcp://10.96.0.7:8080",
        "CDS_SERVICE_HOST": "10.96.0.7",
        "CDS_SERVICE_PORT": "8080",
        "CDS_SERVICE_PORT_HTTP": "8080",
        "CDS_PORT_8080_TCP": "tcp://10.96.0.7:8080",
        "CDS_PORT_8080_TCP_ADDR": "10.96.0.7",
        "CDS_PORT_8080_TCP_PROTO": "tcp",
        "CDS_DATABASE_PORT": "tcp://10.96.0.8:5432",
        "CDS_DATABASE_SERVICE_HOST": "10.96.0.8",
    }
    settings = load_settings(NO_DATABASE | links | {"CDS_SIET": "typing error"})
    assert (settings.port, settings.unknown_names) == (8080, ("CDS_SIET",))
    assert settings.service_links == tuple(sorted(links))
    assert load_settings(NO_DATABASE | {"CDS_PORT": "9000"}).service_links == ()
    with pytest.raises(SettingError, match='CDS_PORT is "http://x"'):
        load_settings(NO_DATABASE | {"CDS_PORT": "http://x"})
