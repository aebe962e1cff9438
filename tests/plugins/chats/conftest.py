"""Fixtures: an application with chats, and two users."""

from io import BytesIO
from typing import Any

import pytest

from portico.db import execute, transaction
from portico.testing import Client, InProcessApp
from portico_chats.components import ChatsPlugin
from portico_chats.transfer.importer import ChatImport


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,chats,folders"}


def plugin_of(app: InProcessApp) -> ChatsPlugin:
    """Return the objects of the chats plugin."""
    (found,) = (one for one in app.portico.contributions if one.plugin_name == "chats")
    assert isinstance(found.components, ChatsPlugin)
    return found.components


def chat_import(app: InProcessApp, owner: Client, text: bytes) -> ChatImport:
    """Return an import as the command line builds it."""
    context, creator = app.portico.context, plugin_of(app).creator
    return ChatImport(context, creator, owner.account["id"], BytesIO(text), unbounded=True)


def document(**changes: Any) -> dict[str, Any]:
    """Return a chat of one question, as the web client sends it."""
    question: dict[str, Any] = {
        "id": "q",
        "parentId": None,
        "childrenIds": [],
        "role": "user",
        "content": "Hi",
    }
    return {
        "id": "",
        "title": "Trip ideas",
        "models": ["m"],
        "params": {},
        "history": {"messages": {"q": question}, "currentId": "q"},
        "messages": [question],
        "tags": [],
        "timestamp": 1,
    } | changes


def new_chat(user: Client, **changes: Any) -> dict[str, Any]:
    answer = user.post("/api/v1/chats/new", {"chat": document(**changes), "folder_id": None})
    assert answer.status == 200, answer
    return dict(answer.json)


def stored(app: InProcessApp, chat_id: str) -> dict[str, Any]:
    """Return the row in the database."""
    (row,) = app.run(app.portico.database.rows, "SELECT * FROM chats_chat WHERE id = $1", chat_id)
    return dict(row)


def table(app: InProcessApp, name: str) -> list[dict[str, Any]]:
    """Return all rows of a table in a stable order."""
    found = app.run(app.portico.database.rows, f"SELECT * FROM {name}")
    return sorted((dict(row) for row in found), key=lambda row: sorted(map(str, row.values())))


def share(app: InProcessApp, chat_id: str) -> None:
    """Write the rows of a share."""

    async def write() -> None:
        insert = "INSERT INTO chats_share VALUES ($1, $2, 'Shared', 1, 1, '{}')"
        await execute(insert, f"link-{chat_id}", chat_id)
        update = "UPDATE chats_chat SET share_id = $1 WHERE id = $2"
        await execute(update, f"link-{chat_id}", chat_id)

    app.run(write)


def new_folder(user: Client, name: str = "Trips", inside: str | None = None) -> str:
    """Create a folder. Returns its id."""
    folder_id = str(user.post("/api/v1/folders/", {"name": name}).json["id"])
    if inside is not None:
        path = f"/api/v1/folders/{folder_id}/update/parent"
        assert user.post(path, {"parent_id": inside}).status == 200
    return folder_id


def fill(app: InProcessApp, user: Client, count: int, folder_id: str | None = None) -> list[str]:
    """Insert many chats of one message each into the database. Returns their ids."""
    me = user.account["id"]
    ids = [f"{n:05}-{me}" for n in range(count)]

    async def write() -> None:
        async with transaction():
            for n, chat_id in enumerate(ids):
                await execute(
                    "INSERT INTO chats_chat (id, user_id, title, created_at, updated_at, meta, chat, messages_at, "
                    "folder_id) VALUES ($1, $2, $3, 1, $4, '{}', $5, 24, $6)",
                    chat_id, me, f"Chat {n}", n, '{"history":{"messages":{}}}', folder_id,
                )  # fmt: skip
                await execute(
                    "INSERT INTO chats_message (chat_id, id, position, role, created_at, updated_at, "
                    "created_revision, known_revision, session_id, body) VALUES ($1, 'm', 1, 'user', 1, 1, 1, 0, '', $2)",
                    chat_id, '{"id":"m"}',
                )  # fmt: skip
                await execute(
                    "INSERT INTO chats_text (owner_id, chat_id, part, text, state) VALUES ($1, $2, '', 'x', $3)",
                    me, chat_id, n % 2,
                )  # fmt: skip

    app.run(write)
    return ids
