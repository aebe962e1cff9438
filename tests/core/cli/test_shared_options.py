"""What all commands have in common: `--data-dir`, no empty arguments, and errors in words."""

from pathlib import Path

import pytest
from tests.one_database import database_url

from portico.cli.shared_options import option_first
from portico.testing import CommandLine

__all__ = ["database_url"]


@pytest.mark.parametrize(
    ("words", "moved"),
    [
        (["user", "list", "--data-dir", "d"], ["--data-dir", "d", "user", "list"]),
        (["user", "list", "--data-dir=d", "--json"], ["--data-dir=d", "user", "list", "--json"]),
        (
            ["--data-dir", "a", "serve", "--data-dir", "b"],
            ["--data-dir", "a", "--data-dir", "b", "serve"],
        ),
        (["user", "show", "--", "--data-dir", "d"], ["user", "show", "--", "--data-dir", "d"]),
        (["user", "list", "--data-dir"], ["user", "list", "--data-dir"]),
        ([], []),
    ],
)
def test_data_dir_is_moved_to_where_the_root_command_reads_it(
    words: list[str], moved: list[str]
) -> None:
    assert option_first(words) == moved


def test_commands_of_core_and_plugins_work_in_the_named_data_directory(
    cli: CommandLine, env: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other data"
    cli("migrate", "--data-dir", other)
    cli(
        "user",
        "add",
        f"--data-dir={other}",
        "ada@example.org",
        "--password-stdin",
        stdin="long enough\n",
    )
    assert "ada@example.org" in cli("--data-dir", other, "user", "list").stdout
    assert "no users" in cli("user", "list").stdout
    assert str(other / "portico.db") in cli("db", "info", "--data-dir", other).stdout
    assert "command line DATA_DIR" in cli("config", "--data-dir", other).stdout
    assert str(other) in cli("health", "--worker", "--data-dir", other, code=1).stderr


def test_empty_argument_is_refused_with_its_name(cli: CommandLine) -> None:
    for words, name in (
        (("group", "create", ""), "NAME"),
        (("group", "create", "x", "--description="), "--description"),
        (("group", "add-member", "x", "a@example.org", ""), "USER..."),
        (("policy", "check", ""), "DIRECTORY"),
        (("usage", "--user", ""), "--user"),
        (("serve", "--host", ""), "--host"),
        (("user", "list", "--data-dir", ""), "--data-dir"),
        (("--config", "", "user", "list"), "--config"),
    ):
        said = cli(*words, code=2).stderr
        assert "is empty" in said and name in said, words


def test_no_message_about_a_setting_quotes_a_password(cli: CommandLine) -> None:
    for variable, text in (
        ("FORWARDED_ALLOW_IPS", "http://u:pw-one@h/x"),
        ("CORS_ALLOW_ORIGIN", "u:pw-one@h"),
        ("JWT_EXPIRES_IN", "http://pw-one@h"),
        ("SSL_CERT_FILE", "http://u:pw-one@h"),
        ("PORTICO_PLUGINS_ENABLE", "http://u:pw-one@h"),
        ("WEBUI_URL", "https://h/?token=pw-one"),
        ("PORT", '{"api_key": "pw-one"}'),
    ):
        said = cli("config", settings={variable: text}, code=1).stderr
        assert "pw-one" not in said and "********" in said, variable
