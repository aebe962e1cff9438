"""Restrictions of keys: paths of routes, and scopes."""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from portico.api import InvalidRequest

#: Largest number of paths, and of scopes, of one key.
MAX_ENTRIES = 100
MAX_PATH_CHARS = 512
#: What a scope allows, alone or after the name of an area.
SCOPE_VERBS = ("read", "write")

Paths = tuple[str, ...]

_PATH = re.compile(r"(?:/[A-Za-z0-9._~{}:@!$&'()*+=-]+)+")


def checked_endpoints(given: Sequence[str] | None) -> list[str] | None:
    """Return paths without a slash at the end, sorted. Raises: InvalidRequest, naming the first invalid one."""
    if given is None:
        return None
    _check_count("endpoints", list(given))
    paths = {one: _parse_path(one) for one in given}
    for one, path in paths.items():
        if path is None:
            raise InvalidRequest(f"[ERROR: endpoints: {one[:64]!r} is not the path of a route]")
    return _check_count("endpoints", sorted({path for path in paths.values() if path}))


def checked_scopes(given: Sequence[str] | None, areas: Collection[str]) -> list[str] | None:
    """Return scopes such as `read`, `chats` and `chats:read`, sorted. Raises: InvalidRequest, naming the first invalid one."""
    if given is None:
        return None
    scopes = sorted(set(given))
    for one in scopes:
        area, colon, verb = one.partition(":")
        known = one in SCOPE_VERBS or (area in areas and (not colon or verb in SCOPE_VERBS))
        if not known:
            known_areas = ", ".join(areas)
            raise InvalidRequest(
                f"[ERROR: scopes: {one[:64]!r} is not a scope; scopes are read, write, and, alone or with :read or "
                f":write, {known_areas}]"
            )
    return _check_count("scopes", scopes)


@lru_cache(maxsize=64)
def allowed_paths(text: str) -> Paths:
    """Return the paths in a list separated by commas. Entries that are not paths are ignored."""
    return tuple(path for one in text.split(",") if (path := _parse_path(one.strip())))


@lru_cache(maxsize=1024)
def intersect(one: Paths | None, other: Paths | None) -> Paths | None:
    """Return the paths that both lists allow, where each allows its paths and all below them; None = all paths."""
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


def _parse_path(text: str) -> str | None:
    path = text.rstrip("/")
    if len(path) > MAX_PATH_CHARS or not _PATH.fullmatch(path):
        return None
    return None if {".", ".."} & set(path.split("/")) else path


def _check_count(name: str, entries: list[str]) -> list[str]:
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise InvalidRequest(
            f"[ERROR: {name}: give 1 to {MAX_ENTRIES} entries, or leave the field out for a key without this restriction]"
        )
    return entries
