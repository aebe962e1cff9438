"""Requests about chats of other users, on every route: nothing changes and nothing is revealed."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.error_details import NOT_FOUND
from tests.plugins.chats.conftest import share
from tests.repository.fixtures import Scene, ask
from tests.repository.test_route_access import routes
from tests.upstream import Upstream

from portico.testing import InProcessApp

NOWHERE = "00000000-0000-4000-8000-000000000000"
TABLES = (
    "chats_chat",
    "chats_message",
    "chats_share",
    "chats_tag",
    "chats_chat_tag",
    "chats_text",
    "folders_folder",
)


@pytest.fixture
def scene(env: dict[str, str], upstream: Upstream, complete_schema: Any) -> Iterator[Scene]:
    app = InProcessApp(
        env | upstream.environment | {"ENABLE_ADMIN_CHAT_ACCESS": "false"}, complete_schema
    )
    yield Scene(app)
    app.close()


def rows_of(app: InProcessApp, owner_id: str) -> list[Any]:
    """Return all rows of an account's chats and folders."""
    return [
        sorted(str(dict(row)) for row in app.run(app.portico.database.rows, sql, owner_id))
        for table in TABLES
        for sql in (_select(table),)
    ]


def _select(table: str) -> str:
    if table in ("chats_message", "chats_share"):
        return (
            f"SELECT * FROM {table} WHERE chat_id IN (SELECT id FROM chats_chat WHERE user_id = $1)"
        )
    if table == "chats_text":  # which of them are in the index changes by itself
        return "SELECT chat_id, part, text FROM chats_text WHERE owner_id = $1"
    return f"SELECT * FROM {table} WHERE user_id = $1"


def chat_with_everything(scene: Scene) -> str:
    """Create a chat of the user with a message and a tag, pinned, in a folder and shared. Returns its id."""
    user = scene.callers["user"]
    message = {"id": "q", "parentId": None, "childrenIds": [], "role": "user", "content": "Hi"}
    document = {"title": "Mine", "history": {"messages": {"q": message}, "currentId": "q"}}
    chat_id = str(user.post("/api/v1/chats/new", {"chat": document}).json["id"])
    for path, body in (
        ("folder", {"folder_id": scene.folder()}),
        ("pin", None),
        ("tags", {"name": "Travel"}),
    ):
        assert user.post(f"/api/v1/chats/{chat_id}/{path}", body).status == 200
    share(scene.app, chat_id)
    return chat_id


@pytest.mark.timeout(300)
@pytest.mark.case("AB-48")
def test_foreign_chat_is_404_and_unchanged_on_every_route(scene: Scene) -> None:
    chat_id = chat_with_everything(scene)
    owner_id = str(scene.callers["user"].account["id"])
    about_one = [
        route for route in sorted(routes(scene.app))
        if route[1].startswith("/api/v1/chats/") and "{chat_id}" in route[1]
    ]  # fmt: skip
    assert len(about_one) > 10
    wrong = []
    for method, path in about_one:
        # Whatever else a request needs is there, and is the owner's.
        _, body = ask(scene, method, path)
        before = rows_of(scene.app, owner_id)
        for caller in ("other", "reader", "writer", "admin"):
            responses = []
            for target in (chat_id, NOWHERE):
                parts = path.replace("{chat_id}", target).replace("{message_id}", "q")
                answer = scene.callers[caller].request(method, parts, json=body)
                responses.append((answer.status, answer.body))
                if (answer.status, answer.detail) != (404, NOT_FOUND):
                    wrong.append(f"{caller} {method} {path}: {answer}")
            if responses[0] != responses[1]:
                wrong.append(f"{caller} {method} {path} reveals whether a chat exists")
        if rows_of(scene.app, owner_id) != before:
            wrong.append(f"{method} {path} changed something")
    assert not wrong, "\n".join(wrong)


@pytest.mark.both_databases
@pytest.mark.timeout(300)
@pytest.mark.case("AB-48")
def test_bulk_routes_affect_own_chats_only(scene: Scene) -> None:
    chat_with_everything(scene)
    owner_id = str(scene.callers["user"].account["id"])
    before = rows_of(scene.app, owner_id)
    for method, path in sorted(routes(scene.app)):
        if not path.startswith("/api/v1/chats") or "{" in path:
            continue
        target, body = ask(scene, method, path)
        for caller in ("other", "admin"):
            answer = scene.callers[caller].request(method, target, json=body)
            assert answer.status in (200, 403), (method, path, answer)
            assert owner_id.encode() not in answer.body
        assert rows_of(scene.app, owner_id) == before, (method, path)
