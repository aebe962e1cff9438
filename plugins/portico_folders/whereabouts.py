"""What whoever keeps things in folders may know of them. Source: the protocol `Folders`."""

from portico_folders import store
from portico_folders.naming import words


class Whereabouts:
    """Which folders there are, and what lies below which. Asked about one person's at a time; one statement each."""

    async def hold(self, owner_id: str) -> None:
        """Keep that person's folders as they are until the transaction ends."""
        await store.hold(owner_id)

    async def is_there(self, owner_id: str, folder_id: str) -> bool:
        """Whether this is a folder of that person's."""
        return is_storable(folder_id) and await store.is_there(owner_id, folder_id)

    async def below(self, owner_id: str, folder_id: str) -> list[str]:
        """The ids of a folder of that person's and of everything below it; empty if it is not theirs."""
        return await store.below(owner_id, folder_id) if is_storable(folder_id) else []

    async def named(self, owner_id: str, name: str) -> list[str]:
        """The ids of all folders of that name and of everything below them; case and underscores do not count."""
        wanted = words(name)
        return await store.named(owner_id, wanted) if wanted and _is_text(wanted) else []


def is_storable(folder_id: str) -> bool:
    """Whether anything was ever kept under such an id; a database cannot be asked for all of them."""
    return folder_id.isascii() and folder_id.isprintable()


def _is_text(words: str) -> bool:
    """Whether a database can be asked for it: no NUL, no half of a surrogate pair."""
    return "\x00" not in words and not any("\ud800" <= one <= "\udfff" for one in words)
