"""The web client's requests, from its first page to the pages of administrators, against a fresh server.

The order and the shapes are those that the client sends and reads: no path is missing, nothing fails, every answer fits.
"""

from typing import Any

import pytest
from tests.end_to_end.web_client.session import CHAT_LIST, ChatSession, WindowSession
from tests.end_to_end.web_client.shapes import Shapes
from tests.upstream import Upstream

from portico.testing import PASSWORD, Client, ServerProcess

pytestmark = pytest.mark.timeout(120)
CAPABILITIES = (
    "vision", "file_upload", "web_search", "image_generation", "code_interpreter", "citations",
    "status_updates", "usage",
)  # fmt: skip
MODEL = {
    "id": "assistant", "base_model_id": "good", "name": "Assistant", "access_control": None,
    "params": {"system": "Be brief.", "temperature": 0.5},
    "meta": {"profile_image_url": "/static/favicon.png", "description": "Mine", "tags": [{"name": "own"}],
             "capabilities": dict.fromkeys(CAPABILITIES, True),
             "suggestion_prompts": None},
}  # fmt: skip


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | upstream.environment | {"ENABLE_API_KEYS": "true"}


@pytest.fixture
def window(server: ServerProcess) -> WindowSession:
    """The window of the first account, which signs up in it."""
    client, shapes = server.client, Shapes()
    config = client.get("/api/config").json
    assert config["onboarding"] is True
    assert shapes.differences("GET", "/api/config?anonymous", config) == []
    return WindowSession(client.sign_up("Ada"), shapes)


def walk_through_sign_in(window: WindowSession) -> None:
    window.load_page("/api/changelog")
    window.post("/api/v1/users/user/settings/update", {"ui": {"version": "0.6.41"}})
    window.get("/api/usage", "/api/v1/auths/signout")
    email = window.client.account["email"]
    wrong = {"email": email, "password": "not the password"}
    window.call("POST", "/api/v1/auths/signin", wrong, status=400)
    answer = window.post("/api/v1/auths/signin", {"email": email, "password": PASSWORD})
    window.client = Client(window.client.transport, answer["token"], answer)
    window.join()
    window.load_page("/ollama/api/version")


def walk_through_chats(window: WindowSession) -> None:
    chat = ChatSession(window)
    first = chat.ask("Hello")
    chat.ask("And again")
    chat.reply(parent=chat.branch()[-2]["id"])
    chat.ask("More", model="endless", stop=True)
    chat.messages[first]["content"] = "Edited by hand"
    chat.save()
    window.load_page(
        f"/api/v1/chats/{chat.id}", f"/api/v1/chats/{chat.id}/tags", f"/api/tasks/chat/{chat.id}"
    )
    rate(window, chat, first)
    window.get(f"/api/v1/chats/{chat.id}/pinned")
    window.post(f"/api/v1/chats/{chat.id}", {"chat": {"title": "Renamed"}})
    for _ in range(2):
        window.post(f"/api/v1/chats/{chat.id}/pin")
        window.get(*CHAT_LIST)
    clone = window.post(f"/api/v1/chats/{chat.id}/clone", {"title": "Clone"})["id"]
    for _ in range(2):
        window.post(f"/api/v1/chats/{clone}/archive")
        window.get(*CHAT_LIST, "/api/v1/chats/archived?page=1")
    window.get("/api/v1/chats/archived?page=1&order_by=updated_at&direction=desc")
    window.get("/api/v1/chats/search?text=renamed&page=1")
    shared = window.post(f"/api/v1/chats/{clone}/share")["id"]
    window.get(f"/api/v1/chats/share/{shared}")
    window.call("DELETE", f"/api/v1/chats/{clone}/share")
    folder = window.post("/api/v1/folders/", {"name": "Work"})["id"]
    window.post(f"/api/v1/chats/{clone}/folder", {"folder_id": folder})
    window.get(f"/api/v1/chats/folder/{folder}/list?page=1")
    window.call("DELETE", f"/api/v1/chats/{clone}")


def rate(window: WindowSession, chat: ChatSession, message_id: str) -> None:
    """Press thumbs up, then say more in the form that opens."""
    document = window.get(f"/api/v1/chats/{chat.id}")
    form = {
        "type": "rating",
        "data": {"rating": 1, "model_id": "good"},
        "meta": {"model_id": "good", "message_id": message_id, "message_index": 1, "chat_id": chat.id,
                 "base_models": {"mock-1": None}},
        "snapshot": {"chat": document},
    }  # fmt: skip
    feedback = window.post("/api/v1/evaluations/feedback", form)["id"]
    body = {"model": "good", "messages": chat.branch()[:2], "chat_id": chat.id}
    window.post("/api/v1/tasks/tags/completions", body)
    form["data"] |= {"tags": ["words"]}  # type: ignore[operator]
    window.post(f"/api/v1/evaluations/feedback/{feedback}", form)
    window.get("/api/v1/evaluations/feedbacks/all")


def walk_through_the_workspace(window: WindowSession) -> None:
    listed = "/api/v1/models/list?page=1"
    window.load_page(listed, "/api/v1/groups/", "/api/v1/models/tags")
    editor = ("/api/v1/tools/", "/api/v1/functions/", "/api/v1/knowledge/", "/api/v1/notes/list")
    window.get(*editor, "/api/v1/groups/?share=true")
    window.post("/api/v1/models/create", MODEL)
    window.get("/api/models", listed, "/api/v1/models/tags")
    window.get("/api/v1/models/list?page=1&query=assist")
    for _ in range(2):
        window.post("/api/v1/models/model/toggle?id=assistant")
    window.get("/api/v1/models/model?id=assistant", *editor)
    window.post("/api/v1/models/model/update", MODEL | {"name": "Renamed"})
    window.post("/api/v1/models/model/delete", {"id": "assistant"})
    for page in ("knowledge/list", "prompts/list", "prompts/", "tools/list", "notes/", "memories/"):
        window.get(f"/api/v1/{page}")


def walk_through_own_settings(window: WindowSession) -> None:
    window.get("/api/usage", "/api/v1/auths/")
    window.call("GET", "/api/v1/auths/api_key", status=404)
    window.post("/api/v1/auths/api_key")
    window.get("/api/v1/auths/api_key")
    profile = {"name": "Ada", "profile_image_url": "/user.png", "bio": None, "gender": None}
    window.post("/api/v1/auths/update/profile", profile | {"date_of_birth": None})
    window.post("/api/v1/users/user/settings/update", {"ui": {"version": "0.6.41", "params": {}}})
    window.get("/api/v1/users/user/settings")


def walk_through_users_and_groups(window: WindowSession) -> None:
    listed = "/api/v1/users/?page=1&order_by=created_at&direction=asc"
    window.load_page(listed)
    new = {"name": "Ben", "email": "ben@example.org", "password": PASSWORD, "role": "pending"}
    ben = window.post("/api/v1/auths/add", new)["id"]
    window.get(f"/api/v1/users/{ben}", f"/api/v1/users/{ben}/profile/image")
    window.get(f"/api/v1/users/{ben}/groups")
    changed = {"role": "user", "name": "Ben", "email": "ben@example.org", "profile_image_url": "/user.png"}  # fmt: skip
    window.post(f"/api/v1/users/{ben}/update", changed)
    window.get(f"{listed}&query=ben")
    window.get(f"/api/v1/chats/list/user/{ben}?page=1&order_by=updated_at&direction=desc")
    window.get("/api/v1/groups/")
    permissions = window.get("/api/v1/users/default/permissions")
    team = {"name": "Team", "description": "", "permissions": permissions}
    team["data"] = {"config": {"share": True}}
    group = window.post("/api/v1/groups/create", team)["id"]
    window.get(f"/api/v1/users/?page=1&order_by=group_id:{group}&direction=desc")
    window.post(f"/api/v1/groups/id/{group}/users/add", {"user_ids": [ben]})
    window.post(f"/api/v1/groups/id/{group}/users/remove", {"user_ids": [ben]})
    window.post(f"/api/v1/groups/id/{group}/update", team | {"name": "Team 2"})
    window.call("DELETE", f"/api/v1/groups/id/{group}/delete")
    window.post("/api/v1/users/default/permissions", permissions)
    window.call("DELETE", f"/api/v1/users/{ben}")


#: Pages of administrators: what each reads, and where it sends it when it is saved, if it sends the same back.
ADMIN_FORMS = {
    "/api/v1/auths/admin/config": "/api/v1/auths/admin/config",
    "/api/webhook": "/api/webhook",
    "/api/v1/auths/admin/config/ldap": "/api/v1/auths/admin/config/ldap",
    "/api/v1/configs/connections": "/api/v1/configs/connections",
    "/openai/config": "/openai/config/update",
    "/ollama/config": "/ollama/config/update",
    "/api/v1/configs/models": "/api/v1/configs/models",
    "/api/v1/evaluations/config": "/api/v1/evaluations/config",
    "/api/v1/configs/tool_servers": "/api/v1/configs/tool_servers",
    "/api/v1/retrieval/embedding": "/api/v1/retrieval/embedding/update",
    "/api/v1/retrieval/config": "/api/v1/retrieval/config/update",
    "/api/v1/configs/code_execution": "/api/v1/configs/code_execution",
    "/api/v1/tasks/config": "/api/v1/tasks/config/update",
    "/api/v1/audio/config": "/api/v1/audio/config/update",
    "/api/v1/images/config": "/api/v1/images/config/update",
}


def walk_through_admin_settings(window: WindowSession, upstream: Upstream) -> None:
    window.load_page("/api/version/updates", "/api/v1/auths/admin/config/ldap/server")
    for read, save in ADMIN_FORMS.items():
        window.post(save, window.get(read))
    source: dict[str, Any] = {"url": upstream.url, "key": upstream.key, "config": {}}
    window.post("/openai/verify", source)
    window.get("/openai/models/0", "/api/models?refresh=true", "/api/models/base")
    banners = window.get("/api/v1/configs/banners")
    window.post("/api/v1/configs/banners", {"banners": banners})
    suggestions = window.get("/api/config")["default_prompt_suggestions"]
    window.post("/api/v1/configs/suggestions", {"suggestions": suggestions})
    exported = window.get("/api/v1/configs/export")
    window.post("/api/v1/configs/import", {"config": exported})
    for page in (
        "functions/list", "functions/export", "pipelines/list", "evaluations/feedbacks/all",
        "evaluations/feedbacks/list?page=1", "audio/models", "audio/voices", "images/models",
        "users/all", "chats/all/db", "models/base", "auths/admin/details",
    ):  # fmt: skip
        window.get(f"/api/v1/{page}")


def test_every_request_of_the_web_client_is_answered_in_its_shape(
    window: WindowSession, upstream: Upstream
) -> None:
    walk_through_sign_in(window)
    walk_through_chats(window)
    walk_through_the_workspace(window)
    walk_through_own_settings(window)
    walk_through_users_and_groups(window)
    walk_through_admin_settings(window, upstream)
    assert not window.faults, "\n".join(dict.fromkeys(window.faults))
