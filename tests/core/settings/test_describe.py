"""The list of settings that `portico config` shows, with secrets masked."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from portico.settings.describe import describe, format_table
from portico.settings.fields import core_fields
from portico.settings.load import load_settings
from portico.settings.masking import masked, shown, without_credentials
from portico.settings.problems import BadSettings
from portico.settings.section import Secret, Section, setting


class EchoSettings(Section):
    """Settings of a plugin that does not exist."""

    key: Annotated[Secret, setting("API key of the provider")] = Secret()
    configs: Annotated[dict[str, Any], setting("By address")] = {}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(**environ: str) -> dict[str, Any]:
    described = describe(load_settings(environ), {"echo": EchoSettings})
    return {row.key: row for row in described}


def test_every_setting_has_a_row_with_origin_and_default() -> None:
    found = rows(PORT="81")
    assert {field.key for fields in core_fields().values() for field in fields} < set(found)
    port = found["server.port"]
    assert (port.value, port.default, port.origin) == (81, 8080, "environment PORT")
    assert port.variables == ("PORT",)
    assert found["plugins.echo.key"].variables == ("PORTICO_ECHO_KEY",)


def test_every_core_setting_has_a_description() -> None:
    undescribed = [
        field.key for fields in core_fields().values() for field in fields if not field.description
    ]
    assert undescribed == []


def test_secrets_are_masked() -> None:
    found = rows(
        WEBUI_SECRET_KEY="hunter2",
        DATABASE_URL="postgresql://me:hunter2@host/db",
        PORTICO_ECHO_KEY="hunter2",
        PORTICO_ECHO_CONFIGS='{"0": {"key": "hunter2", "headers": {"x-api-key": "hunter2"}}}',
    )
    assert "hunter2" not in format_table(found.values())
    assert b"hunter2" not in msgspec.json.encode(list(found.values()))
    assert found["identity.secret_key"].value == "********"
    assert found["database.url"].value == "postgresql://me:********@host/db"


def test_unset_secret_is_shown_as_unset() -> None:
    assert rows()["identity.secret_key"].value == ""


def test_table_has_one_line_per_setting() -> None:
    found = rows(WEBUI_NAME="two\nlines \x1b[31m")
    assert len(format_table(found.values()).split("\n")) == len(found)
    assert "\x1b" not in format_table(found.values())
    assert format_table([]) == ""


def test_problems_of_all_plugins_are_reported_together() -> None:
    loaded = load_settings({"PORTICO_A_CONFIGS": "1", "PORTICO_B_CONFIGS": "2"})
    with pytest.raises(BadSettings) as caught:
        describe(loaded, {"a": EchoSettings, "b": EchoSettings})
    assert [problem.key for problem in caught.value.problems] == [
        "plugins.a.configs",
        "plugins.b.configs",
    ]


@pytest.mark.parametrize(
    ("url", "harmless"),
    [
        ("redis://:pw@host/0", "redis://:********@host/0"),
        ("postgresql://me:p@ss/w@host/db", "postgresql://me:********@host/db"),
        (
            "postgresql://host/db?user=a&password=pw#x",
            "postgresql://host/db?user=a&password=********#x",
        ),
        ("https://host:8080/path", "https://host:8080/path"),
        ("https://host/a:b@c", "https://host/a:b@c"),
        ("no url at all: a@b", "no url at all: a@b"),
        ("http://t0ken@proxy:3128", "http://********@proxy:3128"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgres:me:pw@host/db", "postgres:********@host/db"),
        ("me:p@w@host/db", "me:********@host/db"),
        ('{"api_key": "pw", "x": "y"}', '{"api_key": "********", "x": "y"}'),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
    ],
)
def test_passwords_in_urls_are_masked(url: str, harmless: str) -> None:
    assert without_credentials(url) == harmless


def test_nested_secrets_are_masked() -> None:
    value = [EchoSettings(key=Secret("x"), configs={"a": ("redis://:pw@h",)})]
    assert masked(value) == [{"key": "********", "configs": {"a": ["redis://:********@h"]}}]
    assert shown(["x" * 500]).endswith("…")
