"""Masks in place of stored keys, and what they stand for when a client sends them back.

The mask of a key is `********`; of several connections with the same URL, each has a fingerprint of its key behind that. So
a form may leave out or move connections, also one that was read before others were removed, and a stored key is only ever
used for its own URL.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from portico.encryption import Encryptor
from portico.settings.section import Secret
from portico.upstream.connections.base_url import origin


class StoredConnection(Protocol):
    """A connection as it is stored."""

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        ...

    @property
    def key(self) -> Secret:
        """The key; empty without one."""
        ...


C = TypeVar("C", bound=StoredConnection)

MASK = "********"
_MASK = re.compile(r"\*{8}([0-9a-f]{8})?\Z", re.ASCII)
_CONTEXT: Final = "connections"


def masked_keys(connections: Sequence[StoredConnection], encryptor: Encryptor) -> list[str]:
    """Return the keys of all connections, masked; empty where there is none. `encryptor`: of the app context."""
    counts = Counter(connection.url for connection in connections)
    return [
        (_mask(one, encryptor) if counts[one.url] > 1 else MASK) if one.key else ""
        for one in connections
    ]


def is_mask(text: str) -> bool:
    """Return whether this is the mask of a key."""
    return _MASK.match(text) is not None


def stored_connections(
    urls: Sequence[str], keys: Sequence[str], stored: Sequence[C], encryptor: Encryptor
) -> list[C | None]:
    """Return for each connection of a form which stored one it was; None for a new one.

    That is the one with the same URL: of several the one with this key or mask, else the first that no other one of the form
    was. If the URL was edited, it is the one at the same position, as long as it is the same server.
    """
    free = list(stored)
    found: list[C | None] = [None] * len(urls)
    marks = {id(one): _mask(one, encryptor) for one in stored}
    steps: tuple[Callable[[int, C], bool], ...] = (
        lambda i, one: one.url == urls[i] and keys[i] in (one.key.reveal(), marks[id(one)]),
        lambda i, one: one.url == urls[i] and keys[i] == MASK and bool(one.key),
        lambda i, one: one.url == urls[i] and not is_mask(keys[i]),
        lambda i, one: (
            one is (stored[i] if i < len(stored) else None)
            and (not is_mask(keys[i]) or keys[i] in (MASK, marks[id(one)]))
            and _has_same_origin(one.url, urls[i])
        ),
    )
    for fits in steps:
        for i in range(len(urls)):
            if found[i] is None:
                found[i] = next((one for one in free if fits(i, one)), None)
                free = [one for one in free if one is not found[i]]
    return found


def _has_same_origin(url: str, other: str) -> bool:
    found = origin(url)
    return found is not None and found == origin(other)


def _mask(connection: StoredConnection, encryptor: Encryptor) -> str:
    return MASK + encryptor.fingerprint(connection.key.reveal(), _CONTEXT)
