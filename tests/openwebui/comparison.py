"""Compares an instance of Portico over HTTP with the made-up instance that was imported."""

from collections.abc import Iterator
from typing import Any

from tests.openwebui.content import (
    ARCHIVED,
    PASSWORD,
    PINNED,
    TAGGED,
    MadeUpInstance,
    api_key,
    made_id,
)
from tests.openwebui.rows import WITH_BELONGINGS, file_content

from portico.testing import Client

CHATS = "/api/v1/chats"


def differences(client: Client, made: MadeUpInstance) -> list[str]:
    """Return what is not as it was: counts, access and message trees, one by one. The import was with `--keep-admins`."""
    return list(_differences(client, made))


def _differences(client: Client, made: MadeUpInstance) -> Iterator[str]:
    clients = [client.sign_in(f"user{index}", PASSWORD) for index in range(made.accounts)]
    yield from _accounts(clients[0], made)
    yield from _groups(clients[0], made)
    total = clients[0].get("/api/v1/models/list").json["total"]
    yield from _compared("models", total, made.models)
    for index, one in enumerate(clients):
        if one.account["role"] != made.role(index):
            yield f"account {index} has the role {one.account['role']}"
        if made.role(index) == "pending":
            continue
        yield from _chats(one, made, index)
        yield from _models(one, made, index)
        yield from _belongings(one, made, index)
    yield from _links(clients, made)
    for index in range(1, made.accounts, 4):
        if made.role(index) == "pending":
            continue
        found = Client(client.transport, api_key(index)).get("/api/v1/auths/")
        if found.status != 200 or found.json["id"] != made.account_id(index):
            yield f"the API key of account {index} answers {found}"


def _accounts(admin: Client, made: MadeUpInstance) -> Iterator[str]:
    found = admin.get("/api/v1/users/all").json["users"]
    yield from _compared(
        "accounts", {one["id"] for one in found}, set(map(made.account_id, range(made.accounts)))
    )


def _groups(admin: Client, made: MadeUpInstance) -> Iterator[str]:
    found = {one["id"]: one for one in admin.get("/api/v1/groups/").json}
    yield from _compared("groups", set(found), set(map(made.group_id, range(made.groups))))
    for index in range(made.groups):
        answer = admin.post(f"/api/v1/groups/id/{made.group_id(index)}/users")
        members = {one["id"] for one in answer.json}
        yield from _compared(f"members of group {index}", members, set(made.members(index)))


def _chats(client: Client, made: MadeUpInstance, index: int) -> Iterator[str]:
    found = {one["id"]: one for one in client.get(f"{CHATS}/all").json}
    found |= {one["id"]: one for one in client.get(f"{CHATS}/all/archived").json}
    own = range(index, made.chats, made.accounts)
    yield from _compared(f"chats of account {index}", set(found), set(map(made.chat_id, own)))
    for one in own:
        yield from _chat(found[made.chat_id(one)], made, one)


def _chat(chat: dict[str, Any], made: MadeUpInstance, index: int) -> Iterator[str]:
    expected = made.document(index)["history"]
    history, name = chat["chat"]["history"], f"chat {index}"
    yield from _compared(f"{name}: messages", set(history["messages"]), set(expected["messages"]))
    for message_id, message in history["messages"].items():
        of_source = expected["messages"][message_id]
        for field in ("parentId", "childrenIds", "role", "content", "timestamp", "model", "models"):
            yield from _compared(
                f"{name}, {message_id}: {field}", message.get(field), of_source.get(field)
            )
    place = made.place(index)
    for field, wanted in {
        "title": made.title(index),
        "pinned": place == PINNED,
        "archived": place == ARCHIVED,
        "folder_id": made.folder_of(index),
        "share_id": made_id("share", index) if made.is_linked(index) else None,
        "created_at": made.at(index),
        "updated_at": made.at(index) + 1,
    }.items():
        yield from _compared(f"{name}: {field}", chat[field], wanted)
    yield from _compared(f"{name}: current", history["currentId"], expected["currentId"])
    tags = ["travel_plans"] if place == TAGGED else []
    yield from _compared(f"{name}: tags", chat["meta"].get("tags") or [], tags)


def _models(client: Client, made: MadeUpInstance, index: int) -> Iterator[str]:
    found = {one["id"] for one in client.get("/api/models").json["data"]}
    account = made.account_id(index)
    wanted = set()
    for one in range(made.models):
        readers = made.model_readers(one)
        if made.is_on(one) and (index == 0 or readers is None or account in readers):
            wanted.add(f"desk-{one}")
    desks = {one for one in found if one.startswith("desk-")}
    yield from _compared(f"models of account {index}", desks, wanted)


def _belongings(client: Client, made: MadeUpInstance, index: int) -> Iterator[str]:
    folders = {one["id"]: one["parent_id"] for one in client.get("/api/v1/folders/").json}
    top = made_id("folder", index)
    yield from _compared(
        f"folders of {index}", folders, {top: None, made_id("subfolder", index): top}
    )
    if index >= WITH_BELONGINGS:
        return
    memories = {one["id"] for one in client.get("/api/v1/memories/").json}
    yield from _compared(f"memories of {index}", memories, {made_id("memory", index)})
    prompt = client.get(f"/api/v1/prompts/command/hello-{index}")
    yield from _compared(f"prompt of {index}", prompt.json.get("content"), "Say {{x}}")
    content = client.get(f"/api/v1/files/{made_id('file', index)}/content")
    yield from _compared(f"file of {index}", content.body, file_content(index))


def _links(clients: list[Client], made: MadeUpInstance) -> Iterator[str]:
    for index in range(made.chats):
        if made.role(index % made.accounts) == "pending" or not made.is_linked(index):
            continue
        other = clients[(index + 1) % made.accounts]
        if other.account["role"] == "pending":
            continue
        found = other.get(f"{CHATS}/share/{made_id('share', index)}")
        if found.status != 200 or set(found.json["chat"]["history"]["messages"]) != set(
            made.tree(index)
        ):
            yield f"the link of chat {index} answers {found}"


def _compared(what: str, found: Any, wanted: Any) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {str(found)[:300]} instead of {str(wanted)[:300]}"
