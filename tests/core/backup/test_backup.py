"""Backups made beside a serving application, verified, and restored elsewhere or in place."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.engines import ENCRYPTED
from tests.plugins.files.uploads import upload

from portico.backup.creation import new_backup_id
from portico.backup.storage import BACKUP_ID
from portico.testing import Client, CommandLine, InProcessApp

pytestmark = pytest.mark.both_databases
POLICY = "# the operator's own\n"


def encrypting(passphrase: str) -> list[str]:
    """The options of a backup: a database that is encrypted is only backed up encrypted."""
    return ["--encrypt", "--passphrase-file", passphrase] if ENCRYPTED else []


def reading(passphrase: str) -> list[str]:
    return encrypting(passphrase)[1:]


def add_chat(client: Client, title: str) -> str:
    answer = client.post("/api/v1/chats/new", {"chat": {"title": title, "messages": []}})
    assert answer.status == 200, answer
    return str(answer.json["id"])


def titles_of(client: Client) -> set[str]:
    found: set[str] = set()
    page = 1
    while chats := client.get(f"/api/v1/chats/?page={page}").json:
        found |= {one["title"] for one in chats}
        page += 1
    return found


def rows_of(app: InProcessApp, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.run(app.portico.database.rows, sql)
    return found


def test_backup_beside_writers_is_one_moment_and_serves_elsewhere(
    app: InProcessApp,
    env: dict[str, str],
    elsewhere: dict[str, str],
    cli: CommandLine,
    restored_cli: CommandLine,
    tmp_path: Path,
    passphrase: str,
) -> None:
    admin = app.client.sign_up("Ada")
    (Path(env["PORTICO_ACCESS_POLICY_DIR"]) / "own.csv").write_text(POLICY)
    texts = {
        upload(admin, f"{n}.txt", text)["id"]: text for n, text in enumerate((b"a" * 99, b"b"))
    }
    written, failures, is_done = [add_chat(admin, "0")], [], threading.Event()

    def write() -> None:
        try:
            while not is_done.is_set():
                number = str(len(written))
                text = number.encode()
                texts[upload(admin, f"{number}.txt", text)["id"]] = text
                add_chat(admin, number)
                written.append(number)
        except Exception as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    target = str(tmp_path / "one.backup")
    while len(written) < 5:
        assert not failures
    before = len(written)
    cli("backup", target, *encrypting(passphrase))
    after = len(written) + 1
    is_done.set()
    writer.join()
    assert not failures

    assert "Verified" in cli("backup", "verify", target, *reading(passphrase)).stdout
    restored_cli("backup", "restore", target, *reading(passphrase))
    other = InProcessApp(elsewhere)
    try:
        ada = other.client.sign_in("Ada")
        numbers = {int(one) for one in titles_of(ada) - {"0"}} | {0}
        # Nothing that was acknowledged before is missing, and nothing is there without all that came before it.
        assert numbers == set(range(len(numbers)))
        assert before <= len(numbers) <= after
        files = rows_of(other, "SELECT id FROM files_file")
        assert len(numbers) - 1 + 2 <= len(files) <= len(numbers) + 2
        for row in files:
            assert ada.get(f"/api/v1/files/{row['id']}/content").body == texts[row["id"]]
        assert (tmp_path / "elsewhere/policies/own.csv").read_text() == POLICY
        assert add_chat(ada, "one more")
        ada.post("/api/v1/chats/search", {})
        assert [one["title"] for one in ada.get("/api/v1/chats/search?text=more").json] == [
            "one more"
        ]
    finally:
        other.close()
    assert restored_cli("file", "check").stdout == f"{len(files)} files checked.\n"


def test_restored_installation_ends_sessions_moves_revisions_on_and_says_so(
    app: InProcessApp,
    env: dict[str, str],
    elsewhere: dict[str, str],
    cli: CommandLine,
    restored_cli: CommandLine,
    tmp_path: Path,
    passphrase: str,
    shared_redis: str,
) -> None:
    admin = app.client.sign_up("Ada")
    kept = upload(admin, "a.txt", b"content")["id"]
    add_chat(admin, "first")
    revision = rows_of(app, "SELECT number FROM models_revision")[0]["number"]
    target = str(tmp_path / "many") + "/"
    options = [*encrypting(passphrase)]
    made = json.loads(cli("backup", target, "--json", *options).stdout)
    add_chat(admin, "second")
    refused = cli("backup", "restore", target, "--overwrite", *options[1:], code=1).stderr
    assert "An instance is running" in refused
    app.close()

    refused = cli("backup", "restore", target, *options[1:], code=1).stderr
    assert "--overwrite" in refused
    restored = cli("backup", "restore", target, "--overwrite", *options[1:]).stdout
    assert "The former database is kept as" in restored
    former = restored.split("kept as ")[1].strip()
    again = InProcessApp(env)
    try:
        assert again.client.get("/api/v1/auths/").status == 401
        token = Client(again.client.transport, admin.token)
        assert token.get("/api/v1/auths/").status == 401
        ada = again.client.sign_in("Ada")
        assert titles_of(ada) == {"first"}
        assert ada.get(f"/api/v1/files/{kept}/content").body == b"content"
        entry = ada.get("/api/v1/audit?event=database.restored").json["entries"][0]
        assert entry["new"]["backup"] == made["id"]
        assert rows_of(again, "SELECT number FROM models_revision")[0]["number"] > revision + 10**6
        if "DATABASE_URL" in env:
            old = rows_of(again, f'SELECT title FROM "{former}".chats_chat')
            assert {one["title"] for one in old} == {"first", "second"}
    finally:
        again.close()
    if "DATABASE_URL" not in env:
        assert Path(former).stat().st_size > 0
    settings = {"REDIS_URL": shared_redis, "REDIS_KEY_PREFIX": "restored"}
    client = redis.Redis.from_url(shared_redis)
    client.zadd("restored:task_queue", {"a task of then": 1})
    restored_cli("backup", "restore", target, "--keep-sessions", *options[1:], settings=settings)
    assert client.exists("restored:task_queue") == 0
    client.close()
    other = InProcessApp(elsewhere)
    try:
        token = Client(other.client.transport, admin.token)
        assert token.get("/api/v1/auths/").status == 200
    finally:
        other.close()


def test_ids_of_backups_sort_by_time_within_a_second() -> None:
    begin = 1_796_000_000_000_000_000
    ids = [new_backup_id(begin + n * 999_999) for n in range(1000)]
    assert ids == sorted(ids)
    assert all(BACKUP_ID.fullmatch(one) for one in ids)
