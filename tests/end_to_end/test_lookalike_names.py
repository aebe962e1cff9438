"""Searching finds what looks the same, whichever form of Unicode and whichever case it was typed in."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.plugins.chats.conftest import new_chat

from portico.api.db import Database, current_database, execute, fetch_all
from portico.testing import PASSWORD, Client, InProcessApp

#: Composed, and taken apart; the typed one in another case.
STORED = {"composed": "Café Ärger", "taken apart": "Cafe\u0301 A\u0308rger"}
TYPED = ("café ärg", "CAFE\u0301 A\u0308RG", "Café\u0020Ärg")


@pytest.mark.parametrize("name", STORED.values(), ids=STORED)
def test_lookalike_names_of_accounts_are_found(admin: Client, name: str) -> None:
    form = {"name": name, "email": "x@example.org", "password": PASSWORD, "role": "user"}
    assert admin.post("/api/v1/auths/add", form).status == 200
    for typed in TYPED:
        for path in ("/api/v1/users/", "/api/v1/users/search"):
            assert admin.get(f"{path}?query={quote(typed)}").json["total"] == 1, (path, typed)


@pytest.mark.parametrize("local", ["josé", "jose\u0301"])
def test_accounts_are_found_by_email_address(admin: Client, local: str) -> None:
    email = f"{local}@example.org"
    form = {"name": "J", "email": email, "password": PASSWORD, "role": "user"}
    assert admin.post("/api/v1/auths/add", form).status == 200
    for typed in ("josé@", "JOSE\u0301@"):
        assert admin.get(f"/api/v1/users/?query={quote(typed)}").json["total"] == 1


@pytest.mark.parametrize("name", STORED.values(), ids=STORED)
def test_lookalike_names_of_models_are_found(admin: Client, name: str) -> None:
    form = {"id": "m", "name": name, "base_model_id": "b", "params": {}, "meta": {}}
    assert admin.post("/api/v1/models/create", form).status == 200
    for typed in TYPED:
        assert admin.get(f"/api/v1/models/list?query={quote(typed)}").json["total"] == 1, typed


@pytest.mark.parametrize("name", STORED.values(), ids=STORED)
def test_lookalike_names_of_chats_folders_and_tags_are_found(admin: Client, name: str) -> None:
    chat = new_chat(admin, title=name)["id"]
    folder = admin.post("/api/v1/folders/", {"name": name}).json["id"]
    assert admin.post(f"/api/v1/chats/{chat}/tags", {"name": name}).status == 200
    assert admin.post(f"/api/v1/chats/{chat}/folder", {"folder_id": folder}).status == 200
    for typed in TYPED:
        found = admin.get(f"/api/v1/chats/search?text={quote(typed)}").json
        assert [one["id"] for one in found] == [chat], typed
    for typed in ("CAFÉ_ärger", "cafe\u0301_A\u0308RGER"):
        for kind in ("tag", "folder"):
            found = admin.get(f"/api/v1/chats/search?text={quote(f'{kind}:{typed}')}").json
            assert [one["id"] for one in found] == [chat], (kind, typed)


def test_lookalike_chat_tags_are_one_tag(admin: Client) -> None:
    chat = new_chat(admin)["id"]
    for name in (
        "Café Bar",
        "cafe\u0301 bar",
        "Caf\u200bé Bar",
        "CAFÉ\u00a0BAR",
        "STRASSE",
        "straße",
    ):
        assert admin.post(f"/api/v1/chats/{chat}/tags", {"name": name}).status == 200
    names = [one["name"] for one in admin.get(f"/api/v1/chats/{chat}/tags").json]
    assert sorted(names) == ["Café Bar", "STRASSE"]
    meta = {"tags": ["x\u0301", "X\u0301", "\u200bx\u0301"]}
    (brought,) = admin.post("/api/v1/chats/import", {"chats": [{"chat": {}, "meta": meta}]}).json
    assert len(brought["meta"]["tags"]) == 1


def test_rows_of_an_earlier_release_are_found_and_their_tags_merged(
    app: InProcessApp, admin: Client
) -> None:
    me = admin.account["id"]
    chats = [new_chat(admin)["id"] for _ in range(2)]
    for chat in chats:
        admin.post(f"/api/v1/chats/{chat}/tags", {"name": "x"})

    async def earlier() -> None:
        await execute("ALTER TABLE chats_chat_tag RENAME TO chats_tagged")
        tags = {chats[0]: ("cafe\u0301", "café"), chats[1]: ("cafe\u0301",)}
        await execute("DELETE FROM chats_tagged WHERE user_id = $1", me)
        for chat, ids in tags.items():
            meta = '{"tags":["' + '","'.join(ids) + '"]}'
            await execute("UPDATE chats_chat SET meta = $1 WHERE id = $2", meta, chat)
            for one in ids:
                await execute(
                    "INSERT INTO chats_tag VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", me, one, one
                )
                await execute("INSERT INTO chats_tagged VALUES ($1, $2, $3)", chat, one, me)
        folded = "cafe\u0301\nada@example.org"
        sql = "UPDATE portico_account SET name = $1, folded = $2 WHERE id = $3"
        await execute(sql, "Cafe\u0301", folded, me)

    async def step(module: Any) -> None:
        database: Database = current_database()
        await module.forwards(database)

    app.run(earlier)
    from importlib import import_module

    for name in (
        "portico.identity.migrations.0008_likeness",
        "portico_chats.migrations.0010_tag_likeness",
    ):
        app.run(step, import_module(name))

    async def tags() -> list[dict[str, Any]]:
        await execute("ALTER TABLE chats_tagged RENAME TO chats_chat_tag")
        return await fetch_all("SELECT id FROM chats_tag WHERE user_id = $1 AND id <> 'x'", me)

    assert app.run(tags) == [{"id": "café"}]
    for chat in chats:
        assert admin.get(f"/api/v1/chats/{chat}").json["meta"] == {"tags": ["café"]}
        assert len(admin.get(f"/api/v1/chats/{chat}/tags").json) == 1
    assert admin.get(f"/api/v1/users/?query={quote('café')}").json["total"] == 1
