"""What can be read from the disk of a server."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.engines import ENCRYPTED
from tests.upstream import Upstream

from portico.testing import PASSWORD, CommandLine, ServerProcess

pytestmark = pytest.mark.timeout(120)
Servers = Callable[..., ServerProcess]
KEY = "a pass phrase, isn't it: ßæ"
CIPHER = {"DATABASE_TYPE": "sqlite+sqlcipher", "DATABASE_PASSWORD": KEY}
SAID = "the narwhal sleeps at noon"


@pytest.fixture(params=["sqlite"])
def database_url() -> str:
    return ""


def found_in(folder: Path, *texts: str) -> set[str]:
    """Which of these texts are in a file of this folder, and in which."""
    held = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {
        f"{text} in {name}"
        for name, content in held.items()
        for text in texts
        if text.encode() in content
    }


def test_encrypted_database_serves_and_cannot_be_read_by_others(
    servers: Servers, cli: CommandLine, env: dict[str, str]
) -> None:
    data = Path(env["DATA_DIR"])
    (data / "portico.db").unlink()  # an encrypted one is created
    server = servers(**CIPHER).start()
    ada = server.client.sign_up("Ada")
    document = {"title": "Animals", "messages": [{"id": "a", "role": "user", "content": SAID}]}
    chat = ada.post("/api/v1/chats/new", {"chat": document}).json["id"]
    assert ada.complete("good", "Hello")
    assert [one["id"] for one in ada.get("/api/v1/chats/search?text=narwhal").json] == [chat]

    server.kill()  # its log of writes stays behind
    private = (
        "ada@example.org",
        "narwhal",
        "Animals",
        KEY,
        PASSWORD,
        ada.token or "",
        "CREATE TABLE",
    )
    assert (data / "portico.db-wal").stat().st_size
    assert not found_in(data, *private)
    uri = f"file:{data}/portico.db?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True)) as without_key,
        pytest.raises(sqlite3.DatabaseError, match="file is not a database"),
    ):
        without_key.execute("SELECT * FROM sqlite_master")

    server.start()
    again = server.client.sign_in("Ada")
    assert again.get(f"/api/v1/chats/{chat}").json["chat"]["messages"] == document["messages"]
    assert [one["id"] for one in ada.get("/api/v1/chats/search?text=narwhal").json] == [chat]
    assert server.stop() == 0
    cli("db", "rekey", settings=CIPHER | {"PORTICO_DATABASE_NEW_PASSWORD": KEY * 2})
    assert list(data.glob("*.backup"))
    assert not found_in(data, *private)
    assert not {text for text in private if text in server.log_text}
    assert not found_in(server.directory, *private)


def test_db_encrypt_keeps_all_data(servers: Servers, cli: CommandLine, env: dict[str, str]) -> None:
    if ENCRYPTED:
        env |= {"DATABASE_TYPE": "", "DATABASE_PASSWORD": ""}
    data = Path(env["DATA_DIR"])
    before = servers().start()
    ada = before.client.sign_up("Ada")
    chat = ada.post(
        "/api/v1/chats/new", {"chat": {"title": "x", "messages": [{"content": SAID}]}}
    ).json
    before.kill()
    assert found_in(data, "narwhal")
    cli.process("db", "encrypt", "--discard-backup", settings=CIPHER)
    assert not found_in(data, "narwhal", "ada@example.org")
    after = servers(**CIPHER).start()
    there = after.client.sign_in("Ada")
    assert there.get(f"/api/v1/chats/{chat['id']}").json["chat"] == chat["chat"]
    assert len(there.get("/api/v1/chats/search?text=narwhal").json) == 1


@pytest.mark.case("AB-22")
def test_unencrypted_file_contains_no_usable_credential(
    servers: Servers, env: dict[str, str], upstream: Upstream
) -> None:
    """A plain database too keeps no password, no session and no key of a provider that could be used."""
    server = servers().start()
    ada = server.client.sign_up("Ada")
    ben = ada.add_user("Ben")
    assert ben.complete("good", "Hello")
    for name in ("good", "status-401", "absent"):
        ben.post(
            "/api/chat/completions", {"model": name, "messages": [{"role": "user", "content": "x"}]}
        )
    server.client.post(
        "/api/v1/auths/signin", {"email": "ben@example.org", "password": "a wrong guess"}
    )
    credentials = (PASSWORD, "a wrong guess", ada.token or "", ben.token or "", upstream.key, env["WEBUI_SECRET_KEY"])  # fmt: skip
    data = Path(env["DATA_DIR"])
    assert not found_in(data, *credentials)
    server.kill()
    assert not found_in(data, *credentials)
    assert not found_in(server.directory, *credentials)
