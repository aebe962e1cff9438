"""`portico import openwebui`: what people have afterwards, and what an import that was interrupted leaves."""

import asyncio
from pathlib import Path

import pytest
from tests.one_database import on_sqlite
from tests.openwebui import PASSWORD, MadeUpInstance, write_postgres, write_sqlite, write_uploads
from tests.openwebui.comparison import differences
from tests.servers import fresh_database
from tests.upstream import Upstream

from portico.testing import CommandLine, InProcessApp


def rows(output: str) -> dict[str, list[int]]:
    """The table that the command prints: the numbers by kind."""
    words = [line.split() for line in output.splitlines()]
    return {
        one[0]: [int(n) for n in one[1:]] for one in words if len(one) == 5 and one[1].isdigit()
    }


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("version", "database_url"),
    [("0.6.41", "sqlite"), ("0.12.4", "postgres")],
    indirect=["database_url"],
)
def test_people_have_everything_that_they_had(
    version: str,
    cli: CommandLine,
    env: dict[str, str],
    tmp_path: Path,
    upstream: Upstream,
    postgres: str,
) -> None:
    made = MadeUpInstance(version, accounts=4, models=10, chats=48, messages=150)
    path = write_sqlite(tmp_path / "webui.db", made)
    uploads = write_uploads(tmp_path / "uploads", made)
    words = ("import", "openwebui", path, "--files", uploads, "--keep-admins")
    tried = cli(*words, "--dry-run")
    done = cli(*words)
    taken = rows(done.stdout)
    assert rows(tried.stdout) == taken, tried.stdout
    assert taken["chats"] == [48, 0, 0, 0]
    assert taken["models"] == [10, 0, 0, 0]
    assert "notes: 1 × Portico has none" in done.stdout
    with fresh_database(postgres) as url:
        asyncio.run(write_postgres(url, made))
        again = rows(cli("import", "openwebui", url, "--files", uploads, "--keep-admins").stdout)
    assert again == {kind: [0, numbers[0], 0, 0] for kind, numbers in taken.items()}
    app = InProcessApp(env | upstream.environment)
    try:
        assert differences(app.client, made) == []
    finally:
        app.close()


@on_sqlite
def test_password_of_a_url_is_warned_of_and_never_said(cli: CommandLine, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cr3t\n")
    place = "127.0.0.1:1/webui"
    said = cli("import", "openwebui", f"postgresql://ada:s3cr3t@{place}", code=1)
    assert "--password-file" in said.stderr
    filed = cli(
        "import", "openwebui", f"postgresql://ada@{place}", "--password-file", secret, code=1
    )
    assert "--password-file" not in filed.stderr
    for one in (said, filed):
        assert f"PostgreSQL at {place} cannot be reached" in one.stderr
        assert "s3cr3t" not in one.stdout + one.stderr


@on_sqlite
def test_administrators_and_what_others_have_are_not_taken_unasked(
    cli: CommandLine, tmp_path: Path, env: dict[str, str]
) -> None:
    made = MadeUpInstance("0.12.4", accounts=3, models=5, chats=36, messages=72)
    path = write_sqlite(tmp_path / "webui.db", made)
    cli("user", "add", "user1@example.org", "--password-stdin", stdin="another password\n")
    first = rows(cli("import", "openwebui", path).stdout)
    assert first["accounts"] == [2, 0, 1, 0]
    assert first["chats"] == [24, 0, 12, 0]
    listed = cli("user", "list").stdout
    assert ("user", "user0@example.org") in {
        tuple(line.split()[:2]) for line in listed.splitlines()
    }
    linked = rows(cli("import", "openwebui", path, "--link-accounts").stdout)
    assert linked["chats"] == [12, 24, 0, 0]
    app = InProcessApp(env)
    try:
        own = app.client.sign_in("user1", "another password")
        assert (
            len(own.get("/api/v1/chats/all").json) + len(own.get("/api/v1/chats/all/archived").json)
            >= 12
        )
        refused = {"email": "user1@example.org", "password": PASSWORD}
        assert app.client.post("/api/v1/auths/signin", refused).status == 400
    finally:
        app.close()
