"""Chats with their documents, tags and shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from portico_openwebui.kinds.chat_document import has_messages, read_document
from portico_openwebui.kinds.kind_reader import Build, KindReader, grouped
from portico_openwebui.kinds.message_rows import MessageRows
from portico_openwebui.kinds.sharing import GrantRows, is_for_everyone
from portico_openwebui.values import (
    BadValueError,
    Row,
    flag,
    identifier,
    json_bytes,
    json_object,
    optional_identifier,
    text,
    times,
)

#: Before there was a table of shared chats, a snapshot was a chat whose owner is `shared-` and the id of the chat.
_SNAPSHOT: Final = "shared-"
#: No snapshots. A row without an owner is read, and rejected.
CHATS: Final = f"(user_id IS NULL OR user_id NOT LIKE '{_SNAPSHOT}%')"
_NOT_FOR_EVERYONE: Final = "the shared copy was not for all accounts, as every link here is: the chat has no link (--keep-links)"
_NOW_FOR_EVERYONE: Final = (
    "the shared copy was not for all accounts: all that have its link can read it now"
)
_NO_SNAPSHOT: Final = "the shared copy does not exist: the chat has no link"
_UNREADABLE_SNAPSHOT: Final = "the shared copy cannot be read: the chat has no link"
_NO_META: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class _Belongings:
    """What belongs to some chats: shares by the id of the chat, names of tags by user and id, rows of messages."""

    shares: Mapping[str, tuple[str, object]] = field(default_factory=dict)
    tags: Mapping[tuple[str, str], str] = field(default_factory=dict)
    messages: MessageRows = field(default_factory=MessageRows)


class ChatReader(KindReader):
    """Reads `chat`, `tag`, and `shared_chat` where it exists. The document is passed through as bytes."""

    name = "chats"
    table = "chat"
    columns = (
        *("id", "user_id", "title", "chat", "share_id", "archived", "pinned", "meta", "folder_id"),
        *("created_at", "updated_at", "current_message_id"),
    )
    where = CHATS
    max_rows = 200

    async def prepare(self, rows: list[Row]) -> Build:
        """Read what belongs to these chats."""
        belongings = _Belongings(
            shares=await self._shares(rows),
            tags=await self._tags(rows),
            messages=await MessageRows.of(
                self.database,
                {
                    chat_id
                    for row in rows
                    if (chat_id := optional_identifier(row.get("id"))) and not has_messages(row)
                },
            ),
        )
        return lambda row: self._record(row, belongings)

    def _record(self, row: Row, belongings: _Belongings) -> dict[str, Any] | None:
        chat_id = identifier(row.get("id"))
        user_id = identifier(row.get("user_id"), "user_id")
        meta = self.object_or_none(row, "meta") or _NO_META
        if meta.get("internal") is True:
            self.notes.add(self.name, "a chat that only the server itself used", chat_id)
            return None
        title = text(row.get("title"))
        tags = _tags_of(meta)
        share_id, snapshot = belongings.shares.get(chat_id, (None, None))
        return {
            "id": chat_id,
            "user_id": user_id,
            "title": title,
            "chat": read_document(row, title, belongings.messages.of_chat(chat_id)),
            **self._share(chat_id, share_id, snapshot),
            "archived": flag(row.get("archived")),
            "pinned": flag(row.get("pinned")),
            "meta": {"tags": tags},
            "tags": [{"id": one, "name": belongings.tags.get((user_id, one), one)} for one in tags],
            "folder_id": optional_identifier(row.get("folder_id")),
            **times(row),
        }

    def _share(self, chat_id: str, share_id: str | None, snapshot: object) -> dict[str, Any]:
        if share_id is None:
            return {}
        try:
            document = json_bytes(snapshot, "chat")
        except BadValueError:
            document = None
        if document is None or not document.lstrip().startswith(b"{"):
            self.notes.add(self.name, _UNREADABLE_SNAPSHOT, chat_id)
            return {}
        return {"share_id": share_id, "shared_chat": msgspec.Raw(document)}

    async def _shares(self, rows: list[Row]) -> dict[str, tuple[str, object]]:
        """Return the ids of links with the documents that they show, by chat."""
        links = {
            share_id: chat_id
            for row in rows
            if (share_id := optional_identifier(row.get("share_id")))
            and (chat_id := optional_identifier(row.get("id")))
        }
        if not links:
            return {}
        if self.database.has("shared_chat"):
            return await self._shared_chats(links)
        columns = ("id", "user_id", "chat")
        snapshots = grouped(await self.database.lookup("chat", columns, "id", links), "id")
        found = {}
        for share_id, chat_id in links.items():
            row = snapshots.get(share_id, [{}])[0]
            if text(row.get("user_id")) == f"{_SNAPSHOT}{chat_id}":
                found[chat_id] = (share_id, row.get("chat"))
            else:
                self.notes.add(self.name, _NO_SNAPSHOT, chat_id)
        return found

    async def _shared_chats(self, links: Mapping[str, str]) -> dict[str, tuple[str, object]]:
        columns = ("id", "chat_id", "chat")
        snapshots = grouped(await self.database.lookup("shared_chat", columns, "id", links), "id")
        grants = await GrantRows.of(self.database, "shared_chat", set(links.values()))
        found = {}
        for share_id, chat_id in links.items():
            row = snapshots.get(share_id, [{}])[0]
            if text(row.get("chat_id")) != chat_id:
                self.notes.add(self.name, _NO_SNAPSHOT, chat_id)
                continue
            if not is_for_everyone(grants.of_resource(chat_id)):
                is_kept = self.reading.keeps_links
                reason = _NOW_FOR_EVERYONE if is_kept else _NOT_FOR_EVERYONE
                self.notes.add(self.name, reason, chat_id)
                if not is_kept:
                    continue
            found[chat_id] = (share_id, row.get("chat"))
        return found

    async def _tags(self, rows: list[Row]) -> dict[tuple[str, str], str]:
        """Return the names of the tags of these chats by user and id."""
        wanted = {tag for row in rows for tag in _tags_of(_meta(row)) if "\0" not in tag}
        found = await self.database.lookup("tag", ("id", "user_id", "name"), "id", wanted)
        return {
            (text(row.get("user_id")) or "", text(row.get("id")) or ""): name
            for row in found
            if (name := text(row.get("name")))
        }


def _meta(row: Row) -> Mapping[str, Any]:
    """Return the column `meta`; nothing if it cannot be read."""
    if row.get("meta") in (None, b"{}", "{}"):
        return _NO_META
    try:
        return json_object(row["meta"], "meta") or _NO_META
    except BadValueError:
        return _NO_META


def _tags_of(meta: Mapping[str, Any]) -> list[str]:
    """Return the ids of the tags of a chat."""
    tags = meta.get("tags")
    return [one for one in tags if isinstance(one, str) and one] if isinstance(tags, list) else []
