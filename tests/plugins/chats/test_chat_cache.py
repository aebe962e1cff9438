"""The cache returns what is stored, also after changes of another instance."""

from collections.abc import Callable

import pytest
from tests.plugins.chats.conftest import document, new_chat, new_folder, plugin_of, table

from portico.testing import Client, InProcessApp, Response
from portico_chats.content.chat_content import ChatContent
from portico_chats.content.skeleton import ChatSkeleton
from portico_chats.storage.chat_cache import CachedChat, ChatCache

CHATS = "/api/v1/chats/"


@pytest.fixture
def another(app: InProcessApp, env: dict[str, str]) -> InProcessApp:
    """A second instance on the same database."""
    return InProcessApp(env)


@pytest.mark.both_databases
def test_change_by_another_instance_is_read(another: InProcessApp, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    there = another.client.sign_in("Ann")
    try:
        for n in range(3):
            assert ann.get(CHATS + chat_id).json == there.get(CHATS + chat_id).json
            there.post(CHATS + chat_id, {"chat": {"title": f"there {n}", "n": n}})
            assert ann.get(CHATS + chat_id).json["chat"]["n"] == n
            ann.post(f"{CHATS}{chat_id}/messages/m{n}", {"content": "x"})
            mine = ann.post(CHATS + chat_id, {"chat": {"title": f"here {n}"}}).json
            assert mine == there.get(CHATS + chat_id).json
            assert f"m{n}" in mine["chat"]["history"]["messages"]
    finally:
        another.close()


@pytest.mark.both_databases
def test_deletion_by_another_instance_is_noticed(another: InProcessApp, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    ann.get(CHATS + chat_id)
    try:
        assert another.client.sign_in("Ann").delete(CHATS + chat_id).status == 200
        assert ann.get(CHATS + chat_id).status == 404
    finally:
        another.close()


def test_refused_change_is_not_cached(ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    before = ann.get(CHATS + chat_id).body

    assert bob.post(CHATS + chat_id, {"chat": document(title="x")}).status == 404
    assert ann.post(CHATS + chat_id, {"chat": {"history": 5}}).status == 422
    assert ann.get(CHATS + chat_id).body == before


@pytest.mark.parametrize(
    "delete",
    [
        pytest.param(lambda admin, ann, chat: ann.delete(CHATS + chat["id"]), id="one"),
        pytest.param(lambda admin, ann, chat: ann.delete(CHATS), id="all"),
        pytest.param(
            lambda admin, ann, chat: ann.delete(f"/api/v1/folders/{chat['folder_id']}"), id="folder"
        ),
        pytest.param(
            lambda admin, ann, chat: admin.delete(f"/api/v1/users/{ann.account['id']}"),
            id="account",
        ),
    ],
)
def test_deleted_chat_is_removed_from_caches(
    app: InProcessApp,
    admin: Client,
    ann: Client,
    bob: Client,
    delete: Callable[[Client, Client, dict[str, str]], Response],
) -> None:
    cache, seen = plugin_of(app).cache, plugin_of(app).seen
    kept = new_chat(bob)["id"]
    form = {"chat": document(), "folder_id": new_folder(ann)}
    chat = ann.post("/api/v1/chats/new", form).json
    for user, chat_id in ((bob, kept), (ann, chat["id"]), (ann.sign_in("Ann"), chat["id"])):
        assert user.get(CHATS + chat_id).status == 200
    assert len(seen) == 3 and chat["id"] in cache

    assert delete(admin, ann, chat).status == 200

    assert len(seen) == 1
    assert chat["id"] not in cache and kept in cache


def test_oldest_seen_revision_is_evicted_after_storage(
    app: InProcessApp, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico_chats.storage.seen_revisions.MAX_PENDING", 3)
    seen = plugin_of(app).seen
    ids = [new_chat(ann)["id"] for _ in range(6)]
    for chat_id in ids:
        assert ann.get(CHATS + chat_id).status == 200
        assert ann.get(CHATS + chat_id).status == 200
    app.run(seen.flush)

    assert len(seen) == 3
    assert {row["chat_id"] for row in table(app, "chats_seen_revision")} == set(ids)
    for chat_id in ids:
        assert ann.delete(CHATS + chat_id).status == 200
    assert len(seen) == 0


def test_cache_evicts_least_recently_used_when_full() -> None:
    cache = ChatCache(max_bytes=100)
    for n in range(3):
        cache.store(f"c{n}", CachedChat(1, "x" * 30))
    cache.get("c0", 1)
    cache.store("c3", CachedChat(1, "x" * 30))

    assert [f"c{n}" in cache for n in range(4)] == [True, False, True, True]
    assert cache.get("c0", 2) is None
    cache.store("large", CachedChat(1, "x" * 60, ChatContent(ChatSkeleton(""), {})))
    assert "large" not in cache


def test_cache_limits_number_of_chats_and_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portico_chats.storage.chat_cache.MAX_CHATS", 10)
    monkeypatch.setattr("portico_chats.storage.chat_cache.MAX_MESSAGES", 100)
    cache = ChatCache()
    for n in range(20):
        cache.store(f"c{n}", CachedChat(1, ""))
    assert [n for n in range(20) if f"c{n}" in cache] == list(range(10, 20))
    many = {f"{n}": "" for n in range(60)}
    for chat_id in ("one", "two"):
        cache.store(chat_id, CachedChat(1, "", ChatContent(ChatSkeleton(""), many)))
    assert "one" not in cache and "two" in cache
    cache.forget("two")
    assert cache._messages == 0


def test_last_of_two_repeated_updates_wins(another: InProcessApp, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    there = another.client.sign_in("Ann")

    def sent(content: str) -> dict[str, object]:
        history = {"messages": {"q": {"content": content}}, "currentId": "q"}
        return {"chat": {"title": "Trip ideas", "history": history}}

    try:
        for _ in range(3):
            for user, content in (
                (ann, "here"),
                (ann, "here"),
                (there, "there"),
                (there, "there"),
            ):
                answer = user.post(CHATS + chat_id, sent(content)).json
                assert answer["chat"]["history"]["messages"]["q"] == {"content": content}
                for reader in (ann, there):
                    assert reader.get(CHATS + chat_id).json == answer
    finally:
        another.close()


def test_repeated_update_changes_time_except_in_same_second(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000]
    for module in ("service", "access"):
        monkeypatch.setattr(f"portico_chats.{module}.now", lambda: clock[0])
    chat = new_chat(ann)
    path = CHATS + chat["id"]
    for at in (1000, 1000, 1001, 1001, 1005):
        clock[0] = at
        assert ann.post(path, {"chat": document()}).json["updated_at"] == at
        assert ann.get(path).json["updated_at"] == at
    assert ann.post(path, {"chat": document(extra=1)}).json["chat"]["extra"] == 1
    assert ann.post(path, {"chat": document(title="x")}).json["title"] == "x"
    assert ann.get(path).json["chat"]["extra"] == 1


def test_repeated_update_requires_write_permission(ann: Client, bob: Client, admin: Client) -> None:
    path = CHATS + new_chat(ann)["id"]
    for _ in range(2):
        assert ann.post(path, {"chat": document()}).status == 200

    assert bob.post(path, {"chat": document()}).status == 404
    assert admin.post(path, {"chat": document()}).status == 403
