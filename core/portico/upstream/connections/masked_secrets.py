"""Masks in place of stored keys, and what they stand for when a client sends them back.

The mask of a key says which of the connections with the same URL it belongs to: `********`, `********2` for the second
one, and so on. So a form may leave out or move connections, and a stored key is only ever used for its own URL.
"""

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

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
_MASK = re.compile(r"\*{8}(\d{0,4})\Z", re.ASCII)


def masked_keys(connections: Sequence[StoredConnection]) -> list[str]:
    """Return the keys of all connections, masked; empty where there is none."""
    masks = []
    for connection, number in zip(connections, _numbers([c.url for c in connections]), strict=True):
        mask = MASK + (str(number) if number > 1 else "")
        masks.append(mask if connection.key else "")
    return masks


def is_mask(text: str) -> bool:
    """Return whether this is the mask of a key."""
    return _MASK.match(text) is not None


def stored_connections(
    urls: Sequence[str], keys: Sequence[str], stored: Sequence[C]
) -> list[C | None]:
    """Return for each connection of a form which stored one it was; None for a new one.

    That is the one with the same URL, and of several the one that the mask names; if the URL was edited, the one at the
    same position, as long as it is the same server.
    """
    by_url: dict[str, list[C]] = {}
    for connection in stored:
        by_url.setdefault(connection.url, []).append(connection)
    found: list[C | None] = []
    for index, (url, key, number) in enumerate(zip(urls, keys, _numbers(urls), strict=True)):
        mask = _MASK.match(key)
        wanted = int(mask[1] or 1) if mask else number
        same = by_url.get(url, [])
        if 0 < wanted <= len(same):
            found.append(same[wanted - 1])
        else:
            found.append(_edited(url, index, urls, stored))
    return found


def _edited(url: str, index: int, urls: Sequence[str], stored: Sequence[C]) -> C | None:
    if index >= len(stored) or stored[index].url in urls:
        return None
    before = origin(stored[index].url)
    return stored[index] if before is not None and before == origin(url) else None


def _numbers(urls: Sequence[str]) -> list[int]:
    """Return for each URL how often it occurred up to there."""
    seen: dict[str, int] = {}
    numbers = []
    for url in urls:
        seen[url] = seen.get(url, 0) + 1
        numbers.append(seen[url])
    return numbers
