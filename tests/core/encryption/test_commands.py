"""`portico secret`: changing keys without losing encrypted values."""

import asyncio
import textwrap
from pathlib import Path

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.db import Row, open_database
from portico.encryption import Encryptor, make_key_ring
from portico.settings.load import load_settings
from portico.settings.section import Secret
from portico.testing import SECRET, CommandLine

pytestmark = pytest.mark.timeout(180)
NEW = "quite-another-secret-0987654321-zyxwvuts"
PLUGIN = """
    from piccolo.columns import Text
    from piccolo.table import Table
    from portico.api import PluginInfo, hookimpl
    from portico.api.db import EncryptedColumn, TableSet
    PLUGIN = PluginInfo(api_version=1, summary="Stores tokens.")
    class Token(Table, tablename="tokens_token"):
        id = Text(primary_key=True)
        token = Text()
    @hookimpl
    def register_tables():
        column = EncryptedColumn(table="{table}", key="id", column="token", context="tokens:{{id}}")
        return TableSet(tables=(Token,), migrations="made_up_tokens_migrations", encrypted_columns=(column,))
"""


def encryptor(secret: str) -> Encryptor:
    return Encryptor(lambda: make_key_ring([Secret(secret)]))


def install(site: Path, table: str = "tokens_token") -> None:
    site.mkdir()
    (site / "made_up_tokens.py").write_text(textwrap.dedent(PLUGIN.format(table=table)))
    steps, info = site / "made_up_tokens_migrations", site / "made_up_tokens-1.0.dist-info"
    for folder in (steps, info):
        folder.mkdir(parents=True)
    (steps / "__init__.py").write_text("")
    (steps / "0001_initial.sql").write_text(
        "CREATE TABLE tokens_token (id TEXT PRIMARY KEY, token TEXT NOT NULL);"
    )
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-tokens\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[portico]\ntokens = made_up_tokens\n")


@pytest.fixture
def run(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a command. A plugin with three encrypted tokens is installed."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    install(tmp_path / "site")
    cli("migrate")

    def command(*words: str, code: int = 0, **settings: str) -> str:
        done = cli(*words, code=code, settings=settings)
        return done.stdout + done.stderr

    return command


@pytest.fixture
def tokens(run, env: dict[str, str]) -> "Tokens":
    kept = Tokens(env)
    for name in "abc":
        encrypted = encryptor(SECRET).encrypt(f"token of {name}", f"tokens:{name}")
        kept.ask("INSERT INTO tokens_token VALUES ($1, $2)", name, encrypted)
    return kept


class Tokens:
    """What is in the plugin's table."""

    def __init__(self, environment: dict[str, str]) -> None:
        settings = load_settings(environ=environment).settings
        self._opened = settings.database, Path(settings.data_dir)

    def ask(self, sql: str, *values: str) -> list[Row]:
        async def asked() -> list[Row]:
            database = open_database(*self._opened)
            await database.start()
            try:
                return await database.rows(sql, *values)
            finally:
                await database.stop()

        return asyncio.run(asked())

    def read(self, secret: str) -> list[str]:
        """Decrypt all tokens with this secret only."""
        rows = self.ask("SELECT id, token FROM tokens_token ORDER BY id")
        return [encryptor(secret).decrypt(row["token"], f"tokens:{row['id']}") for row in rows]


TOKENS = [f"token of {name}" for name in "abc"]


@pytest.mark.case("AB-84")
def test_replacing_the_secret_key_does_not_silently_lose_encrypted_values(
    run, tokens: Tokens
) -> None:
    run("secret", "replace")
    refused = run("secret", "replace", code=1, WEBUI_SECRET_KEY=NEW)
    assert f"tokens_token.token: 3 with {encryptor(SECRET).current_id}" in refused
    assert "PORTICO_PREVIOUS_SECRET_KEYS" in refused
    assert "cannot be decrypted" in run("secret", "show", WEBUI_SECRET_KEY=NEW)
    moving = {"WEBUI_SECRET_KEY": NEW, "PORTICO_PREVIOUS_SECRET_KEYS": SECRET}
    assert "are in use now" in run("secret", "replace", **moving)
    assert tokens.read(SECRET) == TOKENS
    assert "3  can be decrypted" in run("secret", "show", **moving)
    assert "3 values re-encrypted" in run("secret", "rotate", **moving)
    assert tokens.read(NEW) == TOKENS
    assert "3  in use" in run("secret", "show", WEBUI_SECRET_KEY=NEW)
    trail = run("audit", "list", WEBUI_SECRET_KEY=NEW)
    assert "secret_key.replaced" in trail and "encryption_key.rotated" in trail
    assert NEW not in trail and SECRET not in trail


def test_data_loss_can_be_accepted_explicitly(run, tokens: Tokens) -> None:
    assert "are in use now" in run("secret", "replace", "--accept-data-loss", WEBUI_SECRET_KEY=NEW)
    assert "tokens_token.token: 3 values cannot be decrypted" in run(
        "secret", "rotate", code=1, WEBUI_SECRET_KEY=NEW
    )
    assert tokens.read(SECRET) == TOKENS


def test_encryption_keys_replace_the_secret_key(run, tokens: Tokens) -> None:
    first, second = (
        "first-key-of-ours-0123456789-abcdefgh",
        "second-key-of-ours-9876543210-hgfedcba",
    )
    run("secret", "rotate", PORTICO_ENCRYPTION_KEYS=first)
    assert tokens.read(first) == TOKENS
    run("secret", "rotate", PORTICO_ENCRYPTION_KEYS=f"{second},{first}")
    assert tokens.read(second) == TOKENS
    refused = run("secret", "rotate", code=1, PORTICO_ENCRYPTION_KEYS=first)
    assert "encrypts tokens and keys with another key" in refused
    for key in (first, second):
        assert key not in run("config", PORTICO_ENCRYPTION_KEYS=f"{second},{first}")


def test_weak_encryption_key_is_refused_before_anything_is_encrypted(run, tokens: Tokens) -> None:
    refused = run("secret", "rotate", code=1, OAUTH_SESSION_TOKEN_ENCRYPTION_KEY="changeme")
    assert "is too weak" in refused and "changeme" not in refused
    assert tokens.read(SECRET) == TOKENS


def test_rotation_names_inactive_plugins(run, tokens: Tokens) -> None:
    output = run("secret", "rotate", PORTICO_PLUGINS_DISABLE="tokens", PORTICO_ENCRYPTION_KEYS=NEW)
    assert "Skipped, because they are not active: tokens" in output


def test_plugin_with_encrypted_column_in_a_foreign_table_is_refused(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    install(tmp_path / "site", table="portico_account")
    assert "is in a table of another plugin" in cli("plugin", "list").stdout
