"""Models get the files, and the system prompt, of the folder that a chat is in, and the files of their own records."""

from typing import Any

import pytest
from tests.api_keys import ON, permit, with_key
from tests.plugins.files.test_context import MISSING, asked, attached, wait_until
from tests.plugins.files.uploads import FILES, PNG, rows, upload
from tests.upstream import Upstream

from portico.testing import Client, InProcessApp

FOLDERS = "/api/v1/folders/"


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    only = "accounts,password,groups,api_keys,files,openai,completions,chats,folders,models"
    return env | upstream.environment | ON | {"PORTICO_PLUGINS_ONLY": only}


def new_folder(user: Client, files: list[dict[str, Any]], prompt: str | None = None) -> str:
    """Create a folder with these files and this system prompt. Return its id."""
    data = {"files": files, "system_prompt": prompt}
    folder_id: str = user.post(FOLDERS, {"name": "Project", "data": data}).json["id"]
    return folder_id


def new_chat(user: Client, folder_id: str | None) -> str:
    """Store an empty chat in a folder. Return its id."""
    form = {"chat": {"title": "Chat"}, "folder_id": folder_id}
    chat_id: str = user.post("/api/v1/chats/new", form).json["id"]
    return chat_id


def given(upstream: Upstream) -> list[dict[str, Any]]:
    """The messages that the model got last."""
    messages: list[dict[str, Any]] = upstream.completions()[-1].json["messages"]
    return messages


def names(answer: Any) -> list[str]:
    """The names of the files that an answer is based on."""
    return [one["source"]["name"] for one in answer.json.get("sources", [])]


def test_chat_in_a_folder_has_its_prompt_and_its_files(
    admin: Client, ann: Client, bob: Client, upstream: Upstream
) -> None:
    rules, own = upload(ann, "rules.txt", b"Say yes."), upload(ann, "own.txt", b"Mine.")
    unreadable = [
        attached(upload(ann, "a.png", PNG)),
        attached(upload(bob, "bob.txt", b"secret of Bob")),
        {"type": "file", "id": "gone"},
        {"type": "collection", "id": "c"},
        {"type": "file", "id": None},
    ]
    folder_id = new_folder(ann, [attached(rules), *unreadable], "For {{USER_NAME}}.")
    chat_id = new_chat(ann, folder_id)
    answer = asked(ann, chat_id=chat_id, files=[attached(own)])
    assert names(answer) == ["own.txt", "rules.txt"]
    first, *_, question = given(upstream)
    assert first == {"role": "system", "content": f"For {ann.account['name']}."}
    assert "Say yes." in question["content"] and "secret of Bob" not in question["content"]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert asked(ann, chat_id=chat_id, messages=messages).status == 200
    assert given(upstream)[0]["content"] == f"For {ann.account['name']}.\nBe brief."

    for other in (new_chat(ann, None), "local:1", None):
        answer = asked(ann, chat_id=other)
        assert (names(answer), given(upstream)[0]["role"]) == ([], "user"), other

    # Named in the message: the folder stands for its files.
    asked_for = [{"type": "folder", "id": folder_id, "name": "Project"}]
    assert names(asked(ann, files=asked_for)) == ["rules.txt"]
    for user, folder in ((bob, folder_id), (ann, "gone"), (ann, "\x00")):
        refused = asked(user, files=[{"type": "folder", "id": folder}])
        assert (refused.status, refused.detail) == (404, MISSING), folder


def test_prompt_of_a_folder_needs_the_permission_for_system_prompts(
    admin: Client, ann: Client, upstream: Upstream
) -> None:
    chat_id = new_chat(ann, new_folder(ann, [], "Obey."))
    permissions = admin.get("/api/v1/users/default/permissions").json
    permissions["chat"]["system_prompt"] = False
    assert admin.post("/api/v1/users/default/permissions", permissions).status == 200
    assert asked(ann, chat_id=chat_id).status == 200
    assert [one["role"] for one in given(upstream)] == ["user", "assistant", "user"]


@pytest.mark.case("AB-19")
def test_key_that_may_not_read_files_gives_models_none_of_a_folder(
    admin: Client, ann: Client, upstream: Upstream
) -> None:
    permit(admin, ann)
    folder_id = new_folder(ann, [attached(upload(ann, "rules.txt", b"Say yes."))])
    chat_id = new_chat(ann, folder_id)
    key = with_key(ann, scopes=["completions"])
    assert names(asked(key, chat_id=chat_id)) == []
    assert asked(key, files=[{"type": "folder", "id": folder_id}]).status == 404
    reader = with_key(ann, scopes=["completions", "files:read"])
    assert names(asked(reader, chat_id=chat_id)) == ["rules.txt"]


def test_model_gives_its_users_the_files_that_its_owner_may_read(
    admin: Client, ann: Client, bob: Client, upstream: Upstream
) -> None:
    permissions = admin.get("/api/v1/users/default/permissions").json
    permissions["workspace"]["models"] = permissions["sharing"]["public_models"] = True
    assert admin.post("/api/v1/users/default/permissions", permissions).status == 200
    manual = upload(ann, "manual.txt", b"Press 7.")
    foreign = upload(bob, "bob.txt", b"secret of Bob")
    model = {
        "id": "helper",
        "base_model_id": "good",
        "name": "Helper",
        "meta": {
            "knowledge": [attached(manual), attached(foreign), {"type": "collection"}, {"id": 7}]
        },
        "params": {},
        "access_control": None,
    }
    assert ann.post("/api/v1/models/create", model).status == 200
    assert bob.get(f"{FILES}{manual['id']}").status == 404
    for user in (ann, bob):
        assert names(asked(user, model="helper")) == ["manual.txt"]
        assert "Press 7." in given(upstream)[-1]["content"]
        assert "secret of Bob" not in given(upstream)[-1]["content"]
    assert names(asked(bob, model="good")) == []


def test_writers_of_a_model_add_only_files_that_they_may_read(
    admin: Client, ann: Client, bob: Client
) -> None:
    permissions = admin.get("/api/v1/users/default/permissions").json
    permissions["workspace"] |= {"models": True, "models_import": True}
    permissions["sharing"]["models"] = True
    assert admin.post("/api/v1/users/default/permissions", permissions).status == 200
    old, secret = upload(ann, "old.txt", b"Old."), upload(ann, "secret.txt", b"Mine.")
    both = {"user_ids": [bob.account["id"]], "group_ids": []}
    form = {
        "id": "helper",
        "base_model_id": "good",
        "name": "Helper",
        "meta": {"knowledge": [attached(old)]},
        "params": {},
        "access_control": {"read": both, "write": both},
    }
    assert ann.post("/api/v1/models/create", form).status == 200

    own = upload(bob, "own.txt", b"Bob's.")
    for added, status in ((secret, 400), ({"id": "gone"}, 400), (own, 200)):
        meta = {"knowledge": [attached(old), {"type": "file", "id": added["id"]}]}
        assert bob.post("/api/v1/models/model/update", form | {"meta": meta}).status == status
    meta = {"knowledge": [attached(secret)]}
    imported = bob.post("/api/v1/models/import", {"models": [form | {"meta": meta}]})
    assert "knowledge" in str(imported.json)
    assert names(asked(bob, model="helper")) == ["old.txt"]  # Ann cannot read Bob's
    assert ann.post("/api/v1/models/model/update", form | {"meta": meta}).status == 200
    assert names(asked(bob, model="helper")) == ["secret.txt"]


def test_file_of_a_folder_or_a_model_outlives_the_chats_that_had_it(
    app: InProcessApp, admin: Client, ann: Client
) -> None:
    rules, manual, own = (upload(ann, f"{name}.txt", b"x") for name in ("rules", "manual", "own"))
    folder_id = new_folder(ann, [attached(rules)])
    form = {"id": "m", "base_model_id": "good", "name": "M", "params": {}}
    meta = {"knowledge": [attached(manual)]}
    assert admin.post("/api/v1/models/create", form | {"meta": meta}).status == 200
    chat_id = new_chat(ann, folder_id)
    assert (
        asked(ann, chat_id=chat_id, files=list(map(attached, (rules, manual, own)))).status == 200
    )
    assert ann.delete(f"/api/v1/chats/{chat_id}").status == 200
    wait_until(lambda: not rows(app, "files_chat"))
    wait_until(lambda: len(rows(app)) == 2)
    assert {one["filename"] for one in ann.get(FILES).json} == {"rules.txt", "manual.txt"}
