"""What is read of a database of Open WebUI: every kind, both databases, both releases, hostile values."""

import asyncio
import base64
import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.openwebui import MadeUpInstance, write_postgres, write_sqlite
from tests.openwebui.content import SHARED, api_key, made_id
from tests.openwebui.reading import read_database
from tests.servers import fresh_database

VERSIONS = ("0.6.41", "0.12.4")
SETTINGS = frozenset(
    {"ui.enable_community_sharing", "ui.banners", "auth.enable_api_keys", "openai.enable"}
)


def edit(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("version", VERSIONS)
def test_both_databases_of_both_releases_have_the_same_records(
    version: str, tmp_path: Path, postgres: str
) -> None:
    made = MadeUpInstance(version, accounts=10, models=15, chats=120, messages=400)
    read = read_database(write_sqlite(tmp_path / "webui.db", made), settings=SETTINGS)
    with fresh_database(postgres) as url:
        asyncio.run(write_postgres(url, made, schema="of web ui"))
        separator = "&" if "?" in url else "?"
        of_postgres = read_database(f"{url}{separator}schema=of+web+ui", settings=SETTINGS)
    assert of_postgres.described.startswith(f"Open WebUI {version}, ")

    def ordered(records: list[dict[str, object]]) -> list[str]:
        return sorted(json.dumps(one, sort_keys=True) for one in records)

    for kind, records in read.records.items():
        assert ordered(of_postgres.records[kind]) == ordered(records), kind
        assert not read.outcomes[kind]
        assert read.counts.get(kind, 0) == len(records)
    accounts = read.by_id("accounts")
    assert accounts[made.account_id(6)]["oauth"] == {"google": {"sub": "g-6"}}
    assert accounts[made.account_id(1)]["settings"] == {"ui": {"system": "Call me 1."}}
    assert {one["password"] for one in accounts.values()} == {made.hash}
    assert api_key(5) in {one["key"] for one in read.records["api_keys"]}
    groups = read.by_id("groups")
    assert all(groups[made.group_id(one)]["user_ids"] == made.members(one) for one in range(2))
    assert read.by_id("settings", "name")["ui.enable_community_sharing"]["value"] is True
    assert read.records["default_permissions"][0]["permissions"]["chat"] == {"delete": False}
    chats = read.by_id("chats")
    for index in range(made.chats):
        chat = chats[made.chat_id(index)]
        messages = chat["chat"]["history"]["messages"]
        assert {one: message["parentId"] for one, message in messages.items()} == made.tree(index)
        assert chat["folder_id"] == made.folder_of(index)
        assert ("share_id" in chat) == made.is_linked(index)
    assert {"id": "travel_plans", "name": "Travel plans"} in [
        tag for chat in chats.values() for tag in chat["tags"]
    ]
    folders = [one["name"] for one in read.records["folders"]]
    assert folders == ["folder"] * 10 + ["subfolder"] * 10


def test_messages_come_from_their_rows_only_where_the_document_has_none(tmp_path: Path) -> None:
    made = MadeUpInstance("0.12.4", chats=9, messages=90)
    path = write_sqlite(tmp_path / "webui.db", made)
    empty, broken, deleted, internal = (made.chat_id(index) for index in range(4))
    gone = list(made.tree(2))[-1]
    document = made.document(2)
    del document["history"]["messages"][gone]
    edit(
        path,
        f"""UPDATE chat SET chat = '{{"title": "T", "models": ["m"]}}' WHERE id = '{empty}'""",
        f"UPDATE chat SET chat = '{{broken' WHERE id = '{broken}'",
        f"""UPDATE chat SET meta = '{{"internal": true}}' WHERE id = '{internal}'""",
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE chat SET chat = ? WHERE id = ?", (json.dumps(document), deleted))
    read = read_database(path)
    chats = read.by_id("chats")
    assert internal not in chats
    assert read.reasons("chats") == {"a chat that only the server itself used"}
    for index, chat_id in enumerate((empty, broken)):
        history = chats[chat_id]["chat"]["history"]
        tree = {one: message["parentId"] for one, message in history["messages"].items()}
        assert tree == made.tree(index)
        stored = made.document(index)["history"]
        assert history["currentId"] == stored["currentId"]
        for message_id, message in history["messages"].items():
            expected = stored["messages"][message_id]
            assert message["content"] == expected["content"]
            assert message["childrenIds"] == expected["childrenIds"]
    assert chats[empty]["chat"]["models"] == ["m"]
    assert gone not in chats[deleted]["chat"]["history"]["messages"]


def test_hostile_rows_are_reported_alone(tmp_path: Path) -> None:
    made = MadeUpInstance("0.6.41", chats=12, messages=24)
    path = write_sqlite(tmp_path / "webui.db", made)
    chats = [made.chat_id(index) for index in range(6)]
    users = [made.account_id(index) for index in range(6)]
    edit(
        path,
        f"UPDATE chat SET chat = '{{\"a\": ' WHERE id = '{chats[0]}'",
        f"UPDATE chat SET user_id = NULL WHERE id = '{chats[1]}'",
        f"UPDATE chat SET id = x'ff' WHERE id = '{chats[2]}'",
        f"UPDATE chat SET title = 'a' || char(0) || 'b', created_at = '2023-01-01 00:00:00', meta = '[1]', "
        f"updated_at = 1700000000123456789 WHERE id = '{chats[3]}'",
        rf"""UPDATE chat SET chat = '{{"x": NaN, "y": "\ud800\u0000z", "history": {{"messages": {{}}}}}}'
        WHERE id = '{chats[4]}'""",
        f"UPDATE chat SET chat = json_quote(chat) WHERE id = '{chats[5]}'",
        f"UPDATE user SET settings = '{{', email = x'ff61', date_of_birth = 'soon', "
        f"created_at = 'never', role = 'root' WHERE id = '{users[0]}'",
        "UPDATE auth SET password = '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA' "
        f"WHERE id = '{users[1]}'",
        f"UPDATE auth SET active = 0 WHERE id = '{users[2]}'",
        "UPDATE model SET access_control = '{\"read\":' WHERE id = 'desk-0'",
        "UPDATE model SET access_control = '7' WHERE id = 'desk-5'",
        f"UPDATE api_key SET expires_at = 'soon' WHERE user_id = '{users[1]}'",
        f"UPDATE folder SET parent_id = 'nowhere' WHERE name = 'folder' AND user_id = '{users[0]}'",
        f"UPDATE folder SET parent_id = '{made_id('subfolder', 1)}' WHERE id = '{made_id('folder', 1)}'",
    )
    read = read_database(path)
    reasons = {one.id: one.reason for one in read.outcomes["chats"]}
    assert reasons[chats[0]] == "the column chat has no valid JSON"
    assert reasons[chats[1]] == "the column user_id is empty or no text"
    assert reasons["\ufffd"] == "the column id is not UTF-8"
    found = read.by_id("chats")
    assert len(found) == made.chats - len(reasons)
    assert found[chats[3]]["title"] == "ab"
    assert (found[chats[3]]["created_at"], found[chats[3]]["updated_at"]) == (
        1672531200,
        1700000000,
    )
    assert found[chats[4]]["chat"]["x"] is None
    assert found[chats[4]]["chat"]["y"] == "\ufffdz"
    assert set(found[chats[5]]["chat"]["history"]["messages"]) == set(made.tree(5))
    accounts = read.by_id("accounts")
    first = accounts[users[0]]
    assert (first["role"], first["settings"], first["date_of_birth"]) == ("pending", None, None)
    assert first["email"] == "\ufffda"
    assert accounts[users[1]]["password"] is None
    assert accounts[users[2]]["role"] == "pending"
    assert any("argon2" in reason for reason in read.reasons("accounts"))
    models = read.by_id("models")
    assert models["desk-0"]["access_control"] == models["desk-5"]["access_control"] == {}
    assert [one.reason for one in read.outcomes["api_keys"]] == [
        "the column expires_at has no time"
    ]
    assert len(read.records["folders"]) == 12
    places = {one["id"]: index for index, one in enumerate(read.records["folders"])}
    for folder in read.records["folders"]:
        assert folder["parent_id"] is None or places[folder["parent_id"]] < places[folder["id"]]
    assert len(read.reasons("folders")) == 2


def test_columns_of_earlier_releases_are_read(tmp_path: Path) -> None:
    made = MadeUpInstance("0.6.41")
    path = write_sqlite(tmp_path / "webui.db", made)
    first, second = made.account_id(0), made.account_id(1)
    edit(
        path,
        "UPDATE alembic_version SET version_num = '38d63c18f30f'",
        "DROP TABLE api_key",
        "DROP TABLE group_member",
        "ALTER TABLE user ADD COLUMN api_key TEXT",
        "ALTER TABLE user ADD COLUMN oauth_sub TEXT",
        "ALTER TABLE user DROP COLUMN oauth",
        'ALTER TABLE "group" ADD COLUMN user_ids JSON',
        f"UPDATE user SET api_key = 'sk-old', oauth_sub = 'github@77@x' WHERE id = '{first}'",
        f"UPDATE user SET oauth_sub = 'plain' WHERE id = '{second}'",
        f"""UPDATE "group" SET user_ids = '["{first}", "{second}", 7]'""",
    )
    read = read_database(path)
    assert read.described.startswith("Open WebUI 0.6.30, ")
    accounts = read.by_id("accounts")
    assert accounts[first]["oauth"] == {"github": {"sub": "77@x"}}
    assert accounts[second]["oauth"] == {"oidc": {"sub": "plain"}}
    assert [(one["user_id"], one["key"]) for one in read.records["api_keys"]] == [(first, "sk-old")]
    assert all(one["user_ids"] == [first, second] for one in read.records["groups"])


def test_shared_copies_are_taken_for_all_accounts_only(tmp_path: Path) -> None:
    made = MadeUpInstance("0.12.4", accounts=4, chats=96, messages=96)
    path = write_sqlite(tmp_path / "webui.db", made)
    shared = [index for index in range(made.chats) if made.place(index) == SHARED]
    linked = [made.chat_id(index) for index in shared if made.is_linked(index)]
    edit(
        path,
        f"UPDATE access_grant SET principal_type = 'anyone' WHERE resource_id = '{linked[0]}'",
        f"UPDATE access_grant SET principal_id = 'someone' WHERE resource_id = '{linked[1]}'",
        f"DELETE FROM shared_chat WHERE chat_id = '{linked[2]}'",
    )
    read = read_database(path)
    with_links = {one["id"] for one in read.records["chats"] if "share_id" in one}
    assert with_links == {*linked} - {linked[1], linked[2]}
    assert len(read.reasons("chats")) == 2
    kept = read_database(path, keeps_links=True)
    with_links = {one["id"] for one in kept.records["chats"] if "share_id" in one}
    assert with_links == {made.chat_id(index) for index in shared} - {linked[2]}


def test_oauth_tokens_need_the_secret_key_of_the_source(tmp_path: Path) -> None:
    made = MadeUpInstance("0.12.4")
    path = write_sqlite(tmp_path / "webui.db", made)
    key = base64.urlsafe_b64encode(hashlib.sha256(b"made-up-secret").digest())
    token = Fernet(key).encrypt(json.dumps({"access_token": "made up"}).encode()).decode()
    edit(
        path,
        "INSERT INTO oauth_session VALUES "
        f"('s1', '{made.account_id(1)}', 'google', '{token}', 1800000000, 1, 1)",
    )
    for secret_key, reason in ((None, "--source-secret-key-file"), ("x", "another secret key")):
        read = read_database(path, secret_key=secret_key)
        assert read.records["oauth_tokens"] == []
        assert reason in "".join(read.reasons("oauth_tokens"))
    read = read_database(path, secret_key="made-up-secret")
    assert read.records["oauth_tokens"][0]["token"] == {"access_token": "made up"}
