"""API keys, as limits for each of them need them."""

from collections.abc import Sequence
from typing import Protocol


class ApiKeyLookup(Protocol):
    """Which API keys there are.

    A service of the plugin that stores API keys. Without one there are none.
    """

    async def owner_of(self, key_id: str) -> str | None:
        """Return the id of the account whose key this is; None if there is no such key."""
        ...

    async def ids_of(self, account_id: str) -> Sequence[str]:
        """Return the ids of the keys of an account."""
        ...
