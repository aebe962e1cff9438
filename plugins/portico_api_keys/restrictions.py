"""What a key is good for: the paths and the words that say so."""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from portico.api import InvalidRequest

#: Paths, or words, that one key may have.
MOST = 100
LONGEST_PATH = 512
#: Words for every area.
SCOPE_VERBS = ("read", "write")

Paths = tuple[str, ...]

_PATH = re.compile(r"(?:/[A-Za-z0-9._~{}:@!$&'()*+=-]+)+")


def checked_endpoints(given: Sequence[str] | None) -> list[str] | None:
    """Paths as they are compared: without a slash at the end. Raises: Invalid, naming the one that will not do."""
    if given is None:
        return None
    _some("endpoints", list(given))
    kept = {one: _path(one) for one in given}
    for one, path in kept.items():
        if path is None:
            raise InvalidRequest(f"[ERROR: endpoints: {one[:64]!r} is not the path of a route]")
    return _some("endpoints", sorted({path for path in kept.values() if path}))


def checked_scopes(given: Sequence[str] | None, areas: Collection[str]) -> list[str] | None:
    """Words such as `read`, `chats` and `chats:read`. Raises: Invalid, naming the one that means nothing."""
    if given is None:
        return None
    words = sorted(set(given))
    for one in words:
        area, colon, deed = one.partition(":")
        known = one in SCOPE_VERBS or (area in areas and (not colon or deed in SCOPE_VERBS))
        if not known:
            known_areas = ", ".join(areas)
            raise InvalidRequest(
                f"[ERROR: scopes: {one[:64]!r} means nothing; there are read, write, and, alone or with :read or "
                f":write, {known_areas}]"
            )
    return _some("scopes", words)


@lru_cache(maxsize=64)
def allowed_paths(text: str) -> Paths:
    """The operator's list. What is no path of a route admits to nothing."""
    return tuple(path for one in text.split(",") if (path := _path(one.strip())))


@lru_cache(maxsize=1024)
def intersect(one: Paths | None, other: Paths | None) -> Paths | None:
    """The paths that are below one of each; None = all."""
    if one is None or other is None:
        return other if one is None else one
    deeper = {
        a if _is_below(a, b) else b
        for a in one
        for b in other
        if _is_below(a, b) or _is_below(b, a)
    }
    return tuple(sorted(deeper))


def _is_below(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/")


def _path(text: str) -> str | None:
    path = text.rstrip("/")
    if len(path) > LONGEST_PATH or not _PATH.fullmatch(path):
        return None
    return None if {".", ".."} & set(path.split("/")) else path


def _some(name: str, found: list[str]) -> list[str]:
    if not 1 <= len(found) <= MOST:
        raise InvalidRequest(
            f"[ERROR: {name}: between 1 and {MOST}; leave it out for a key without limits]"
        )
    return found
