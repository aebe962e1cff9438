"""Statistics of the caller's chats."""

from tests.plugins.chats.conftest import document, new_chat

from portico.testing import Client, InProcessApp

STATS = "/api/v1/chats/stats"


def test_statistics_count_only_own_chats(app: InProcessApp, ann: Client, bob: Client) -> None:
    new_chat(bob)
    said = {
        "q": {"id": "q", "role": "user", "content": "Hi"},
        "a": {"id": "a", "role": "assistant", "content": "Ho"},
        "b": {"id": "b", "role": "assistant", "content": "Hum"},
        "x": {"id": "x", "role": "\u2603"},
    }
    chats = [
        {"chat": document(), "created_at": 5, "updated_at": 60, "archived": True},
        {"chat": {"history": {"messages": said}}, "created_at": 7, "updated_at": 9, "pinned": True},
        {"chat": {}, "created_at": 6, "updated_at": 8},
    ]
    ids = [one["id"] for one in ann.post("/api/v1/chats/import", chats).json]
    ann.post(f"/api/v1/chats/{ids[2]}/share")

    assert ann.get(STATS).json == {
        "total": 3,
        "archived": 1,
        "pinned": 1,
        "shared": 1,
        "messages": {"total": 5, "user": 2, "assistant": 2, "other": 1},
        "first_created_at": 5,
        "last_updated_at": 60,
    }


def test_statistics_without_chats_are_zero(ann: Client) -> None:
    stats = ann.get(STATS).json

    assert (stats["total"], stats["messages"]["total"]) == (0, 0)
    assert stats["first_created_at"] is stats["last_updated_at"] is None
