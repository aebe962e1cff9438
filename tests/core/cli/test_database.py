"""`portico db`: its commands and output, which never contain a password."""

import json
import stat
from pathlib import Path

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import CommandLine, ServerProcess

pytestmark = pytest.mark.timeout(180)  # many commands
OLD, NEW = "the old password", 'it\'s the "new" one'
CIPHER = {"DATABASE_TYPE": "sqlite+sqlcipher", "DATABASE_PASSWORD": OLD}
PLAIN = {"DATABASE_TYPE": "", "DATABASE_PASSWORD": ""}


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | PLAIN


@pytest.fixture
def made(cli: CommandLine, env: dict[str, str]) -> Path:
    """A plain database with an account in it."""
    cli("user", "add", "ada@example.org", "--password-stdin", stdin="secret\n")
    return Path(env["DATA_DIR"]) / "portico.db"


def backup(made: Path) -> Path:
    (found,) = made.parent.glob("portico.db.before-*.backup")
    return found


def test_database_is_encrypted_rekeyed_and_decrypted(
    cli: CommandLine, made: Path, tmp_path: Path
) -> None:
    assert "NOT ENCRYPTED" in cli("db", "encrypt", settings={"DATABASE_PASSWORD": OLD}).stderr
    assert "ada@example.org" in cli("user", "list", settings=CIPHER).stdout
    assert b"ada@example.org" in backup(made).read_bytes()
    assert b"ada@example.org" not in made.read_bytes()
    backup(made).unlink()

    new = tmp_path / "new password"
    new.write_text(NEW + "\n")
    done = cli("db", "rekey", "--new-password-file", new, settings=CIPHER)
    assert "The password is changed" in done.stdout and "with its old password" in done.stdout
    backup(made).unlink()
    now = CIPHER | {"DATABASE_PASSWORD": NEW}
    assert "ada@example.org" in cli("user", "list", settings=now).stdout
    refused = cli("user", "list", settings=CIPHER, code=1).stderr
    assert "encrypted with another password" in refused and OLD not in refused

    from_file = {"DATABASE_TYPE": "sqlite+sqlcipher", "DATABASE_PASSWORD_FILE": str(new)}
    assert "ada@example.org" in cli("user", "list", settings=from_file).stdout
    cli("db", "decrypt", "--discard-backup", settings=from_file)
    assert "ada@example.org" in cli("user", "list").stdout
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert not list(made.parent.glob("*.backup"))


def test_passwords_are_prompted_for_if_not_configured(cli: CommandLine, made: Path) -> None:
    cli("db", "encrypt", "--discard-backup", stdin=f"{OLD}\n{OLD}\n")
    cli("db", "rekey", "--discard-backup", stdin=f"{OLD}\n{NEW}\n{NEW}\n")
    refused = cli("db", "decrypt", stdin=f"{OLD}\n", code=1)
    assert "the password is wrong" in refused.stderr
    cli("db", "decrypt", "--discard-backup", stdin=f"{NEW}\n")
    assert "ada@example.org" in cli("user", "list").stdout


def test_new_password_is_read_from_the_environment(cli: CommandLine, made: Path) -> None:
    cli("db", "encrypt", "--discard-backup", settings=CIPHER)
    cli("db", "rekey", settings=CIPHER | {"PORTICO_DATABASE_NEW_PASSWORD": NEW})
    assert "ada@" in cli("user", "list", settings=CIPHER | {"DATABASE_PASSWORD": NEW}).stdout


def test_encrypt_is_refused_while_a_server_runs(
    cli: CommandLine, made: Path, env: dict[str, str], tmp_path: Path
) -> None:
    server = ServerProcess(env, tmp_path).start()
    try:
        refused = cli("db", "encrypt", settings=CIPHER, code=1)
        assert "stop every server" in refused.stderr
        assert server.client.get("/ready").status == 200
        server.stop()
    finally:
        server.kill()
    cli("db", "encrypt", settings=CIPHER)


def test_conversion_is_refused_if_already_done_or_file_missing(
    cli: CommandLine, made: Path
) -> None:
    assert "not encrypted" in cli("db", "decrypt", stdin=f"{OLD}\n", code=1).stderr
    cli("db", "encrypt", "--discard-backup", settings=CIPHER)
    assert "already encrypted" in cli("db", "encrypt", settings=CIPHER, code=1).stderr
    made.unlink()
    assert "does not exist yet" in cli("db", "encrypt", settings=CIPHER, code=1).stderr
    postgres = {"DATABASE_URL": "postgresql://me:s3cr3t@db/x"}
    refused = cli("db", "encrypt", settings=postgres, code=1).stderr
    assert "the database is PostgreSQL" in refused and "s3cr3t" not in refused


def test_info_shows_encryption_and_unencrypted_backups(cli: CommandLine, made: Path) -> None:
    about = json.loads(cli("db", "info", "--json").stdout)
    assert (about["file"], about["encrypted"], about["backup"]) == (str(made), False, [])
    assert about["schema"] == "up to date"
    cli("db", "encrypt", settings=CIPHER)
    printed = cli("db", "info", settings=CIPHER).stdout
    assert f"{backup(made)}  NOT ENCRYPTED" in printed
    assert "encrypted  yes" in printed


@pytest.mark.parametrize("words", [("db", "info"), ("db", "info", "--json"), ("db", "check")])
def test_missing_database_is_said_and_not_created(
    cli: CommandLine, tmp_path: Path, words: tuple[str, ...]
) -> None:
    said = cli(*words, "--data-dir", tmp_path / "none", code=1).stderr
    assert "There is no database at" in said and "--data-dir" in said
    assert not (tmp_path / "none").exists()


def test_no_command_prints_a_password(cli: CommandLine, made: Path) -> None:
    secrets = CIPHER | {"PORTICO_DATABASE_NEW_PASSWORD": NEW}
    printed = ""
    for words in (
        ["db", "encrypt"],
        ["db", "info"],
        ["config"],
        ["config", "--json"],
        ["db", "rekey"],
    ):
        done = cli(*words, settings=secrets)
        printed += done.stdout + done.stderr
    assert OLD not in printed and NEW not in printed and json.dumps(NEW) not in printed


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"DATABASE_TYPE": "sqlite+sqlcipher"}, "needs a password that is not empty"),
        ({"DATABASE_PASSWORD": OLD}, "would not be encrypted"),
        (CIPHER, "portico db encrypt"),
    ],
)
def test_server_does_not_start_with_incomplete_encryption_settings(
    env: dict[str, str], made: Path, tmp_path: Path, settings: dict[str, str], why: str
) -> None:
    server = ServerProcess(env | settings, tmp_path)
    try:
        with pytest.raises(RuntimeError, match=why) as refused:
            server.start()
    finally:
        server.kill()
    assert OLD not in str(refused.value) and "Traceback" not in str(refused.value)
    assert made.read_bytes().startswith(b"SQLite format 3")
