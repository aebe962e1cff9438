"""Made-up content: what a database has, and what must come out of its import."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID, uuid5

import bcrypt
from tests.openwebui.columns import REVISIONS

PASSWORD = "Correct-horse-9-battery"
#: When the instance was made, and the seconds between two rows.
BEGIN, STEP = 1_700_000_000, 10
_NAMESPACE = UUID("7f0c4b1e-98d3-4c0e-9d2f-3c8a5d5f0b11")
#: Chats of an account repeat in this rhythm: pinned, archived, shared, in a folder, tagged, in a folder of a folder.
PINNED, ARCHIVED, SHARED, IN_FOLDER, TAGGED, IN_SUBFOLDER = range(6)
RHYTHM = 12
#: Models repeat in this one.
PUBLIC, PRIVATE, GROUP_READS, GROUP_WRITES, PERSON_READS = range(5)

Table = Iterator[dict[str, Any]]


def made_id(*parts: object) -> str:
    """Return a UUID that is the same each time."""
    return str(uuid5(_NAMESPACE, "/".join(map(str, parts))))


def api_key(index: int) -> str:
    """Return the API key of an account."""
    return f"sk-{UUID(made_id('key', index)).hex}"


@dataclass(frozen=True)
class MadeUpInstance:
    """An instance of a release. `messages`: of all chats together; every third chat has a branch."""

    version: str
    accounts: int = 6
    models: int = 10
    chats: int = 24
    messages: int = 240
    hash: str = field(
        default_factory=lambda: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    )

    @property
    def is_new(self) -> bool:
        """Whether it is a release with rows for grants, messages and shared chats."""
        return self.version == "0.12.4"

    @cached_property
    def groups(self) -> int:
        """How many groups there are."""
        return max(2, self.accounts // 20)

    def account_id(self, index: int) -> str:
        """Return the id of an account."""
        return made_id("account", index % self.accounts)

    def group_id(self, index: int) -> str:
        """Return the id of a group."""
        return made_id("group", index % self.groups)

    def members(self, group: int) -> list[str]:
        """Return the ids of the members of a group."""
        group %= self.groups
        return [self.account_id(one) for one in range(self.accounts) if one % self.groups == group]

    def role(self, index: int) -> str:
        """Return the role of an account: the first is the administrator, some are pending."""
        return "admin" if index == 0 else "pending" if index % 17 == 5 else "user"

    def model_owner(self, index: int) -> str:
        """Return the id of the owner of a model."""
        return self.account_id(index * 7)

    def model_readers(self, index: int) -> set[str] | None:
        """Return the ids of the accounts that may use a model; None = all."""
        rights = index % 5
        owner = {self.model_owner(index)}
        if rights == PUBLIC:
            return None
        if rights in (GROUP_READS, GROUP_WRITES):
            return owner | set(self.members(index))
        return owner | ({self.account_id(index + 1)} if rights == PERSON_READS else set())

    def is_on(self, index: int) -> bool:
        """Whether a model is on."""
        return index % 9 != 8

    def chat_id(self, index: int) -> str:
        """Return the id of a chat."""
        return made_id("chat", index)

    def place(self, index: int) -> int:
        """Return the place of a chat in the rhythm of its account."""
        return index // self.accounts % RHYTHM

    def is_linked(self, index: int) -> bool:
        """Whether a chat has a link for all accounts. In new releases every other shared chat is for its owner only."""
        return self.place(index) == SHARED and not (self.is_new and index % 2)

    def tree(self, index: int) -> dict[str, str | None]:
        """Return the ids of the messages of a chat with their parents."""
        count = self.messages // self.chats + (1 if index < self.messages % self.chats else 0)
        ids = [made_id("message", index, one) for one in range(count)]
        found: dict[str, str | None] = {}
        for one, message_id in enumerate(ids):
            is_branch = index % 3 == 0 and one == count - 1 and count > 2
            found[message_id] = ids[one - 2 if is_branch else one - 1] if one else None
        return found

    def document(self, index: int) -> dict[str, Any]:
        """Return the document of a chat."""
        tree = self.tree(index)
        children: dict[str | None, list[str]] = {}
        for message_id, parent in tree.items():
            children.setdefault(parent, []).append(message_id)
        messages = {
            message_id: {
                "id": message_id,
                "parentId": parent,
                "childrenIds": children.get(message_id, []),
                "role": "assistant" if one % 2 else "user",
                "content": f"Message {one} of chat {index}: grüße, 世界. "
                + "words of some length " * 8,
                "timestamp": self.at(index, one),
                **({"model": "mock-0", "done": True} if one % 2 else {"models": ["mock-0"]}),
            }
            for one, (message_id, parent) in enumerate(tree.items())
        }
        return {
            "title": self.title(index),
            "models": ["mock-0"],
            "params": {},
            "history": {"messages": messages, "currentId": next(reversed(tree), None)},
        }

    def title(self, index: int) -> str:
        """Return the title of a chat."""
        return f"Chat {index} – ünïcode"

    def folder_of(self, index: int) -> str | None:
        """Return the id of the folder of a chat."""
        owner = index % self.accounts
        names = {IN_FOLDER: "folder", IN_SUBFOLDER: "subfolder"}
        name = names.get(self.place(index))
        return None if name is None else made_id(name, owner)

    def at(self, *indexes: int) -> int:
        """Return the time of a row."""
        return BEGIN + STEP * sum(indexes)

    def tables(self) -> dict[str, Table]:
        """Return the rows of each table. JSON columns have text, as the release writes it."""
        from tests.openwebui.rows import tables_of

        return {
            "alembic_version": iter([{"version_num": REVISIONS[self.version]}]),
            **tables_of(self),
        }


def as_json(value: Any) -> str:
    """Return JSON as Open WebUI writes it to SQLite."""
    return json.dumps(value)
