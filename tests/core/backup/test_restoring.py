"""What restoring refuses, and what is there then; keys; buckets."""

import json
from pathlib import Path

import pytest
from tests.core.backup.test_backup import add_chat, encrypting, reading, rows_of, titles_of
from tests.engines import PASSWORD
from tests.plugins.files.s3_server import BUCKET, REGION, s3_server
from tests.plugins.files.uploads import upload

from portico.testing import CommandLine, InProcessApp

OTHER_SECRET = "another-secret-of-the-tests-9876543210zyxwvu"


@pytest.mark.both_databases
def test_damaged_backup_is_not_restored_and_the_former_database_stays(
    app: InProcessApp, env: dict[str, str], cli: CommandLine, tmp_path: Path, passphrase: str
) -> None:
    add_chat(app.client.sign_up("Ada"), "first")
    target = tmp_path / "many"
    cli("backup", f"{target}/", *encrypting(passphrase))
    app.close()
    parts = sorted(target.glob("backups/*/*"), key=lambda path: path.stat().st_size)
    data = parts[-1].read_bytes()
    parts[-1].write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    options = reading(passphrase)
    assert "damaged" in cli("backup", "verify", str(target), *options, code=1).stderr
    refused = cli("backup", "restore", str(target), "--overwrite", *options, code=1).stderr
    assert "damaged" in refused
    again = InProcessApp(env)
    try:
        assert titles_of(again.client.sign_in("Ada")) == {"first"}
        if "DATABASE_URL" in env:
            sql = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'portico%'"
            assert rows_of(again, sql) == []
    finally:
        again.close()


def test_backup_refuses_other_keys_and_brings_its_own_if_asked(
    app: InProcessApp,
    elsewhere: dict[str, str],
    cli: CommandLine,
    tmp_path: Path,
    passphrase: str,
) -> None:
    app.client.sign_up("Ada")
    without, with_keys = str(tmp_path / "without.backup"), str(tmp_path / "with.backup")
    options = ["--encrypt", "--passphrase-file", passphrase]
    assert "--encrypt" in cli("backup", without, "--include-keys", code=1).stderr
    assert "give both" in cli("backup", without, "--encrypt", code=2).stderr
    cli("backup", without, *options)
    made = json.loads(cli("backup", with_keys, *options, "--include-keys", "--json").stdout)
    assert made["has_keys"]

    other = CommandLine(elsewhere | {"WEBUI_SECRET_KEY": OTHER_SECRET}, tmp_path)
    refused = other("backup", "restore", without, *options[1:], code=1).stderr
    assert "secret key" in refused
    assert "--ignore-keys" in refused
    assert not (tmp_path / "elsewhere").exists()
    configured = other("backup", "restore", with_keys, *options[1:], code=1).stderr
    assert "unset WEBUI_SECRET_KEY" in configured

    bare = {name: value for name, value in elsewhere.items() if name != "WEBUI_SECRET_KEY"}
    CommandLine(bare, tmp_path)("backup", "restore", with_keys, *options[1:])
    path = tmp_path / "elsewhere/secret_key"
    assert path.read_text().strip() == cli.environment["WEBUI_SECRET_KEY"]
    assert path.stat().st_mode & 0o777 == 0o600
    started = InProcessApp(bare | {"WEBUI_SECRET_KEY": path.read_text().strip()})
    try:
        assert started.client.sign_in("Ada").token
    finally:
        started.close()


class TestEncryptedFile:
    @pytest.fixture
    def database_url(self) -> str:
        return ""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"DATABASE_TYPE": "sqlite+sqlcipher", "DATABASE_PASSWORD": PASSWORD}

    @pytest.fixture
    def app(self, env: dict[str, str]) -> InProcessApp:
        return InProcessApp(env)

    def test_is_only_backed_up_encrypted_and_restored_with_its_password(
        self,
        app: InProcessApp,
        elsewhere: dict[str, str],
        cli: CommandLine,
        tmp_path: Path,
        passphrase: str,
    ) -> None:
        app.client.sign_up("Ada")
        target, options = str(tmp_path / "one.backup"), ["--passphrase-file", passphrase]
        assert "--encrypt" in cli("backup", target, code=1).stderr
        cli("backup", target, "--encrypt", *options)
        app.close()
        cli("backup", "verify", target, *options)
        plain = {name: value for name, value in elsewhere.items() if "DATABASE_" not in name}
        refused = CommandLine(plain, tmp_path)("backup", "restore", target, *options, code=1)
        assert "DATABASE_TYPE=sqlite+sqlcipher" in refused.stderr
        CommandLine(elsewhere, tmp_path)("backup", "restore", target, *options)
        assert (tmp_path / "elsewhere/portico.db").read_bytes()[:6] != b"SQLite"
        other = InProcessApp(elsewhere)
        try:
            assert other.client.sign_in("Ada").token
        finally:
            other.close()


def test_bucket_keeps_backups_that_share_contents(
    app: InProcessApp,
    env: dict[str, str],
    elsewhere: dict[str, str],
    tmp_path: Path,
    passphrase: str,
) -> None:
    ada = app.client.sign_up("Ada")
    kept = [
        upload(ada, f"{n}.txt", text)["id"] for n, text in enumerate((b"same", b"same", b"other"))
    ]
    with s3_server() as server:
        given = server.environment
        settings = {
            "PORTICO_BACKUP_S3_ENDPOINT": server.url,
            "PORTICO_BACKUP_S3_REGION": REGION,
            "PORTICO_BACKUP_S3_KEY_ID": given["S3_ACCESS_KEY_ID"],
            "PORTICO_BACKUP_S3_SECRET_KEY": given["S3_SECRET_ACCESS_KEY"],
        }
        cli, target = CommandLine(env | settings, tmp_path), f"s3://{BUCKET}/nightly"
        cli("backup", target, *encrypting(passphrase))
        first = {name for name in server.contents() if "/contents/" in name}
        assert len(first) == 2
        kept.append(upload(ada, "new.txt", b"new")["id"])
        cli("backup", target, "--keep", "1", *encrypting(passphrase))
        names = server.contents()
        assert {name for name in names if "/contents/" in name} > first
        assert sum(name.endswith("/manifest") for name in names) == 1
        assert all(name.startswith("nightly/") for name in names)
        assert "4 files" in cli("backup", "verify", target, *reading(passphrase)).stdout
        assert len(cli("backup", "list", target, *reading(passphrase)).stdout.splitlines()) == 1
        CommandLine(elsewhere | settings, tmp_path)(
            "backup", "restore", target, *reading(passphrase)
        )
        wrong = CommandLine(env | settings | {"PORTICO_BACKUP_S3_KEY_ID": "unknown"}, tmp_path)
        refused = wrong("backup", "verify", target, code=1).stderr
        assert "backup.s3_key_id" in refused
        assert given["S3_SECRET_ACCESS_KEY"] not in refused
    files = tmp_path / "elsewhere/files"
    assert {path.name for path in files.glob("*/*")} == set(kept)
