"""What plugins ask about files."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from portico.identity import Actor


class FileLookup(Protocol):
    """Says who may read the files that records of others name.

    A service of the plugin that stores files. Without one, no model is given files.
    """

    async def adds_unreadable(
        self, actor: Actor, entries: Sequence[msgspec.Raw], stored: Sequence[msgspec.Raw]
    ) -> bool:
        """Return whether `entries` of a model's `meta.knowledge` name a file that the actor may not read, or does not exist.

        Files that the `stored` entries name, too, are not checked.
        """
        ...
