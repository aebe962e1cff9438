"""The rows of each table of a made-up instance."""

from typing import Any

from tests.openwebui.content import (
    ARCHIVED,
    BEGIN,
    GROUP_READS,
    GROUP_WRITES,
    PERSON_READS,
    PINNED,
    PUBLIC,
    SHARED,
    STEP,
    TAGGED,
    MadeUpInstance,
    Table,
    api_key,
    as_json,
    made_id,
)

#: Accounts that have a prompt, a memory, a file and so on.
WITH_BELONGINGS = 12
CONFIG: dict[str, Any] = {
    "ui": {
        "enable_community_sharing": True,
        "banners": [
            {
                "id": "b1",
                "type": "info",
                "title": "",
                "content": "Welcome",
                "dismissible": True,
                "timestamp": 1,
            }
        ],
        "prompt_suggestions": [{"title": ["Plan", "a trip"], "content": "Plan a trip"}],
    },
    "auth": {"enable_api_keys": True},
    "user": {"permissions": {"chat": {"delete": False}, "features": {"api_keys": True}}},
    "audio": {"tts": {"engine": "made up"}},
}


def tables_of(one: MadeUpInstance) -> dict[str, Table]:
    """Return the rows of each table but the revision."""
    found = {
        "user": _users(one),
        "auth": _auths(one),
        "api_key": _api_keys(one),
        "group": _groups(one),
        "group_member": _members(one),
        "model": _models(one),
        "folder": _folders(one),
        "tag": _tags(one),
        "chat": _chats(one),
        "prompt": _prompts(one),
        "memory": _memories(one),
        "file": _files(one),
        "feedback": _feedback(one),
        "note": _notes(one),
        "config": _config(one),
    }
    if one.is_new:
        found |= {
            "access_grant": _grants(one),
            "shared_chat": _shared_chats(one),
            "chat_message": _messages(one),
        }
    return found


def _times(index: int) -> dict[str, int]:
    return {"created_at": BEGIN + STEP * index, "updated_at": BEGIN + STEP * index + 1}


def _users(one: MadeUpInstance) -> Table:
    for index in range(one.accounts):
        yield {
            "id": one.account_id(index),
            "name": f"Üser {index}",
            "email": f"user{index}@example.org",
            "role": one.role(index),
            "profile_image_url": "/user.png",
            **_times(index),
            "last_active_at": BEGIN + STEP * index,
            "oauth": as_json({"google": {"sub": f"g-{index}"}} if index % 5 == 1 else None),
            "info": as_json(None),
            "settings": as_json({"ui": {"system": f"Call me {index}."}} if index % 2 else None),
        }


def _auths(one: MadeUpInstance) -> Table:
    for index in range(one.accounts):
        email = f"user{index}@example.org"
        yield {"id": one.account_id(index), "email": email, "password": one.hash, "active": True}


def _api_keys(one: MadeUpInstance) -> Table:
    for index in range(1, one.accounts, 4):
        owner = one.account_id(index)
        yield {"id": f"key_{owner}", "user_id": owner, "key": api_key(index), **_times(index)}


def _groups(one: MadeUpInstance) -> Table:
    for index in range(one.groups):
        yield {
            "id": one.group_id(index),
            "user_id": one.account_id(0),
            "name": f"Légal {index}",
            "description": "people, of letters",
            "permissions": as_json({"chat": {"delete": True}} if index == 0 else None),
            **_times(index),
        }


def _members(one: MadeUpInstance) -> Table:
    for index in range(one.groups):
        for owner in one.members(index):
            member = made_id("member", index, owner)
            yield {"id": member, "group_id": one.group_id(index), "user_id": owner, **_times(index)}


def _control(one: MadeUpInstance, index: int) -> dict[str, Any] | None:
    rights = index % 5
    if rights == PUBLIC:
        return None
    nothing: dict[str, list[str]] = {"group_ids": [], "user_ids": []}
    if rights in (GROUP_READS, GROUP_WRITES):
        group = {"group_ids": [one.group_id(index)], "user_ids": []}
        return {"read": group, "write": group if rights == GROUP_WRITES else nothing}
    if rights == PERSON_READS:
        return {
            "read": {"group_ids": [], "user_ids": [one.account_id(index + 1)]},
            "write": nothing,
        }
    return {}


def _models(one: MadeUpInstance) -> Table:
    for index in range(one.models):
        control = {} if one.is_new else {"access_control": as_json(_control(one, index))}
        yield {
            "id": f"desk-{index}",
            "user_id": one.model_owner(index),
            "base_model_id": "good",
            "name": f"Desk {index}",
            "meta": as_json({"description": "made up", "tags": [{"name": "Desk"}]}),
            "params": as_json({"system": "You help.", "temperature": 0.4}),
            "is_active": one.is_on(index),
            **_times(index),
            **control,
        }


def _grants(one: MadeUpInstance) -> Table:
    def grant(
        kind: str, resource: str, principal: str, who: str, permission: str
    ) -> dict[str, Any]:
        return {
            "id": made_id("grant", kind, resource, who, permission),
            "resource_type": kind,
            "resource_id": resource,
            "principal_type": principal,
            "principal_id": who,
            "permission": permission,
            "created_at": BEGIN,
        }

    for index in range(one.models):
        model, rights = f"desk-{index}", index % 5
        if rights == PUBLIC:
            yield grant("model", model, "user", "*", "read")
        elif rights == PERSON_READS:
            yield grant("model", model, "user", one.account_id(index + 1), "read")
        elif rights in (GROUP_READS, GROUP_WRITES):
            yield grant("model", model, "group", one.group_id(index), "read")
            if rights == GROUP_WRITES:
                yield grant("model", model, "group", one.group_id(index), "write")
    for index in range(one.chats):
        if one.is_linked(index):
            yield grant("shared_chat", one.chat_id(index), "user", "*", "read")


def _folders(one: MadeUpInstance) -> Table:
    for index in range(one.accounts):
        top = made_id("folder", index)
        for name, parent in (("subfolder", top), ("folder", None)):  # the child first
            yield {
                "id": made_id(name, index),
                "parent_id": parent,
                "user_id": one.account_id(index),
                "name": name,
                "items": as_json(None),
                "meta": as_json(None),
                "data": as_json({"system_prompt": "Be brief."} if parent is None else None),
                "is_expanded": parent is None,
                **_times(index),
            }


def _tags(one: MadeUpInstance) -> Table:
    for index in range(one.accounts):
        owner = one.account_id(index)
        yield {
            "id": "travel_plans",
            "name": "Travel plans",
            "user_id": owner,
            "meta": as_json(None),
        }


def _chats(one: MadeUpInstance) -> Table:
    for index in range(one.chats):
        place = one.place(index)
        shared = made_id("share", index) if place == SHARED else None
        document = one.document(index)
        yield {
            "id": one.chat_id(index),
            "user_id": one.account_id(index),
            "title": one.title(index),
            "share_id": shared,
            "archived": place == ARCHIVED,
            "pinned": place == PINNED,
            "chat": as_json(document),
            "meta": as_json({"tags": ["travel_plans"]} if place == TAGGED else {}),
            "folder_id": one.folder_of(index),
            **_times(index),
            **({"current_message_id": document["history"]["currentId"]} if one.is_new else {}),
        }
        if shared and not one.is_new:
            yield {
                "id": shared,
                "user_id": f"shared-{one.chat_id(index)}",
                "title": one.title(index),
                "archived": False,
                "chat": as_json(document),
                "meta": as_json({}),
                **_times(index),
            }


def _shared_chats(one: MadeUpInstance) -> Table:
    for index in range(one.chats):
        if one.place(index) == SHARED:
            yield {
                "id": made_id("share", index),
                "chat_id": one.chat_id(index),
                "user_id": one.account_id(index),
                "title": one.title(index),
                "chat": as_json(one.document(index)),
                **_times(index),
            }


def _messages(one: MadeUpInstance) -> Table:
    for index in range(one.chats):
        chat = one.chat_id(index)
        for message in one.document(index)["history"]["messages"].values():
            yield {
                "id": f"{chat}-{message['id']}",
                "chat_id": chat,
                "user_id": one.account_id(index),
                "role": message["role"],
                "parent_id": message["parentId"],
                "content": as_json(message["content"]),
                "model_id": message.get("model"),
                "done": True,
                "created_at": message["timestamp"],
                "updated_at": message["timestamp"],
            }


def _prompts(one: MadeUpInstance) -> Table:
    for index in range(min(one.accounts, WITH_BELONGINGS)):
        same = {
            "command": f"/hello-{index}",
            "user_id": one.account_id(index),
            "content": "Say {{x}}",
        }
        if one.is_new:
            yield {
                "id": made_id("prompt", index),
                "name": "Hello",
                "is_active": True,
                **same,
                **_times(index),
            }
        else:
            control = as_json({} if index % 2 else None)
            at = BEGIN + STEP * index
            yield {
                "id": index + 1,
                "title": "Hello",
                "timestamp": at,
                "access_control": control,
                **same,
            }


def _memories(one: MadeUpInstance) -> Table:
    for index in range(min(one.accounts, WITH_BELONGINGS)):
        kind = {"type": "context"} if one.is_new else {}
        yield {
            "id": made_id("memory", index),
            "user_id": one.account_id(index),
            "content": f"{index} likes trains",
            **_times(index),
            **kind,
        }


def file_content(index: int) -> bytes:
    """Return the content of the file of an account."""
    return f"The file of {index}\n".encode()


def _files(one: MadeUpInstance) -> Table:
    for index in range(min(one.accounts, WITH_BELONGINGS)):
        file_id = made_id("file", index)
        meta = {"name": "note.txt", "content_type": "text/plain", "size": len(file_content(index))}
        yield {
            "id": file_id,
            "user_id": one.account_id(index),
            "filename": "note.txt",
            "meta": as_json(meta),
            "data": as_json({"content": "text"}),
            "path": f"/app/backend/data/uploads/{file_id}_note.txt",
            **_times(index),
        }


def _feedback(one: MadeUpInstance) -> Table:
    for index in range(min(one.accounts, WITH_BELONGINGS)):
        yield {
            "id": made_id("feedback", index),
            "user_id": one.account_id(index),
            "version": 0,
            "type": "rating",
            "data": as_json({"rating": 1, "model_id": "mock-0", "reason": "good", "comment": "ok"}),
            "meta": as_json({"chat_id": one.chat_id(index), "message_id": "x", "arena": False}),
            "snapshot": as_json(None),
            **_times(index),
        }


def _notes(one: MadeUpInstance) -> Table:
    yield {"id": made_id("note"), "user_id": one.account_id(0), "title": "Note", **_times(0)}


def _config(one: MadeUpInstance) -> Table:
    if not one.is_new:
        yield {"id": 1, "data": as_json({"version": 0, **CONFIG}), "version": 0}
        return
    for section, values in CONFIG.items():
        for name, value in values.items():
            yield {"key": f"{section}.{name}", "value": as_json(value), "updated_at": BEGIN}
