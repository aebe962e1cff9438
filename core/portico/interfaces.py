"""Who keeps conversations, and who keeps the folders they lie in: what others need to know of them, and no more."""

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

from portico.identity import Actor


class ChatStore(Protocol):
    """Stored conversations, as seen from a completion.

    Offered as a service by whichever plugin stores chats. Where nobody offers it, chat ids in requests mean nothing.
    """

    async def may_write(self, actor: Actor, chat_id: str) -> bool:
        """Whether this person may have a reply noted in that chat. An unknown chat is False, like a foreign one."""
        ...

    async def record_reply(
        self, chat_id: str, message_id: str, fields: Mapping[str, Any], *, create: bool = True
    ) -> None:
        """Merge fields into a message of a chat, which becomes the current one. Asked only after `may_write`.

        A message that is not there is made whole (id, role, parent, children, content) if `create`: below `parentId`,
        or else below the current message. A message that is there keeps its place. A chat or a message that was
        deleted meanwhile is left alone, and nothing is raised because of that.

        Shape: `parentId`, `model`, and `error: {"content": …}` if there was no reply.
        """
        ...


class ChatChanged(msgspec.Struct, frozen=True):
    """Somebody's chat is new, another than before, or gone. Published after the commit. `user_id`: whose it is."""

    id: str
    user_id: str
    change: Literal["created", "updated", "deleted"]


class MessageEvent(msgspec.Struct, frozen=True):
    """Something is said about a message while it comes to be, for whoever shows it. Published after the commit.

    `type`, `data`: as in the events of the API's sockets, such as `status` or `message`. `user_id`: whose chat it is.
    """

    chat_id: str
    message_id: str
    user_id: str
    type: str
    data: msgspec.Raw


#: In the place of an account's id: before the id of a shared conversation, whoever shared it.
SHARED_ACCOUNT_PREFIX: Final = "shared-"


class SharedChats(Protocol):
    """Conversations that were shared, as seen from whoever shows people.

    Offered as a service by whichever plugin shares chats. Where nobody offers it, nothing is shared.
    """

    async def owner_of(self, share_id: str) -> str | None:
        """The account that shares this; None if nobody does, or not any more."""
        ...


class FolderPath(msgspec.Struct, frozen=True, omit_defaults=True):
    """A folder and the one it lies in; `parent` None = at the root."""

    id: str
    name: str
    parent: "FolderPath | None" = None


class FolderLookup(Protocol):
    """Somebody's folders, as seen from the conversations that lie in them.

    Offered as a service by whichever plugin keeps folders. Where nobody offers it there are none, and a folder id
    names nothing.
    """

    async def lock(self, owner_id: str) -> None:
        """Keep that person's folders as they are until the transaction ends. Asked before anything in them is touched:
        whoever deletes one comes to its contents afterwards.
        """
        ...

    async def exists(self, owner_id: str, folder_id: str) -> bool:
        """Whether this is a folder of that person's. An unknown one is False, like a foreign one."""
        ...

    async def is_known(self, folder_id: str) -> bool:
        """Whether there is such a folder, of any account."""
        ...

    async def make(self, owner_id: str, name: str, parent_id: str | None = None) -> str | None:
        """The id of that account's folder of this name in `parent_id` (None = the root), made if there is none.

        None where none can be made: folders are off, there are as many as one account may have, they lie too deep,
        or the name is not allowed. A transaction is open, and nothing in folders has been touched in it yet.
        """
        ...

    async def paths(self, folder_ids: Collection[str]) -> Mapping[tuple[str, str], FolderPath]:
        """These folders, with those they lie in, by owner and id. One statement for 500 of them."""
        ...

    async def subtree_ids(self, owner_id: str, folder_id: str) -> list[str]:
        """The ids of a folder of that person's and of everything below it; empty if it is not theirs."""
        ...

    async def ids_by_name(self, owner_id: str, name: str) -> list[str]:
        """The ids of all folders of that name, whatever its case, and of everything below them."""
        ...


class FoldersDeleting(msgspec.Struct, frozen=True):
    """Folders are about to be deleted. Whoever keeps things in them is involved, inside the transaction.

    `ids`: a folder and everything below it. `actor`: who deletes them, and whose they are. What lies in them is
    deleted if `delete_contents`, which whoever keeps it may refuse; else it is in no folder afterwards.
    """

    ids: tuple[str, ...]
    actor: Actor
    delete_contents: bool
