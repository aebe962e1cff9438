"""The folders of accounts, as the chats in them need them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from portico.identity import Actor


class FolderPath(msgspec.Struct, frozen=True, omit_defaults=True):
    """A folder and its parent folder; `parent` None = at the root."""

    id: str
    name: str
    parent: "FolderPath | None" = None


class FolderContext(msgspec.Struct, frozen=True):
    """What models get in the chats of a folder: its system prompt (empty = none), and the ids of its files."""

    system_prompt: str = ""
    file_ids: Sequence[str] = ()


class FolderLookup(Protocol):
    """The folders of accounts, as the chats in them need them.

    A service of the plugin that stores folders. Without one there are no folders, and folder ids are ignored.
    """

    async def lock(self, owner_id: str) -> None:
        """Lock the account's folders until the transaction ends. Call it before changing anything in them: a deletion
        locks the folders first and their contents afterwards.
        """
        ...

    async def exists(self, owner_id: str, folder_id: str) -> bool:
        """Return whether the account has this folder. False also if there is no such folder."""
        ...

    async def is_known(self, folder_id: str) -> bool:
        """Return whether the folder exists, for any account."""
        ...

    async def find_or_create(
        self, owner_id: str, name: str, parent_id: str | None = None
    ) -> str | None:
        """Return the id of the account's folder of this name in `parent_id` (None = the root). Create it if needed.

        None if it cannot be created: folders are disabled, the account has the maximum number, they are nested too
        deeply, or the name is not allowed. Needs an open transaction that has not changed anything in folders.
        """
        ...

    async def context(self, owner_id: str, folder_id: str) -> FolderContext | None:
        """Return what models get in the chats of the account's folder; None if it is not the account's."""
        ...

    async def is_mentioned(self, owner_id: str, text: str) -> bool:
        """Return whether a folder of the account names this text in its data, such as the id of a file."""
        ...

    async def paths(self, folder_ids: Collection[str]) -> Mapping[tuple[str, str], FolderPath]:
        """Return these folders with their parents, by owner and id. One statement for 500 folders."""
        ...

    async def subtree_ids(self, owner_id: str, folder_id: str) -> list[str]:
        """Return the ids of the account's folder and of all folders below it; empty if it is not the account's."""
        ...

    async def ids_by_name(self, owner_id: str, name: str) -> list[str]:
        """Return the ids of the account's folders of this name, ignoring case, and of all folders below them."""
        ...


class FoldersDeleting(msgspec.Struct, frozen=True):
    """Folders are being deleted. Published inside the transaction, for plugins that store something in folders.

    `ids`: a folder and all folders below it. `actor`: their owner, who deletes them. With `delete_contents` their contents
    are deleted, which a listener may refuse with an error; otherwise the contents are in no folder afterwards.
    """

    ids: tuple[str, ...]
    actor: Actor
    delete_contents: bool
