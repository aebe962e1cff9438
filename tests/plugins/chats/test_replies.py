"""Which models stored replies are of, for plugins that rate them."""

from typing import Any

from tests.plugins.chats.conftest import document, new_chat
from tests.plugins.chats.test_old_documents import old_chat

from portico.api.interfaces import ReplyLookup, ReplyModels
from portico.testing import Client, InProcessApp


def message(message_id: str, role: str, parent: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "id": message_id,
        "role": role,
        "parentId": parent,
        "childrenIds": [],
        "content": "x",
    } | more


HISTORY = {
    "currentId": "a",
    "messages": {
        "q": message("q", "user", childrenIds=["a", "b", "c", "gone", 5, "a"]),
        "a": message("a", "assistant", "q", model="arena", selectedModelId="one"),
        "b": message("b", "assistant", "q", model="two"),
        "c": message("c", "assistant", "q", model=["not a name"], selectedModelId=None),
        "top": message("top", "assistant", model="two"),
        "lost": message("lost", "assistant", {"not": "an id"}, model="two"),
    },
}


def test_reply_and_its_siblings_name_their_models_however_the_chat_is_stored(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    replies = app.portico.context.services.get(ReplyLookup)
    assert replies is not None
    chats = new_chat(ann, history=HISTORY)["id"], old_chat(app, ann, document(history=HISTORY))

    def find(user: Client, chat_id: str, message_id: str) -> ReplyModels | None:
        return app.run(replies.find, user.account["id"], chat_id, message_id)

    for chat_id in chats:
        assert find(ann, chat_id, "a") == ReplyModels(("arena", "one"), frozenset({"two"}))
        assert find(ann, chat_id, "b") == ReplyModels(("two",), frozenset({"arena", "one"}))
        assert find(ann, chat_id, "c") == ReplyModels((), frozenset({"arena", "one", "two"}))
        for alone in ("top", "lost"):
            assert find(ann, chat_id, alone) == ReplyModels(("two",), frozenset())
        for no_reply in ("q", "gone", "", "x" * 300, "\ud800", "a\x00"):
            assert find(ann, chat_id, no_reply) is None
        assert find(bob, chat_id, "a") is None
    assert find(ann, "absent", "a") is find(ann, "a\x00", "a") is None
