"""Checks base URLs of providers before they are stored or used."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

_ALLOWED = re.compile(r"[!-~]+\Z")
MAX_URL_CHARS = 2000


def url_fault(url: str) -> str:
    """Return why this is no base URL of a provider, as a sentence without the URL; empty if it is one."""
    if not _ALLOWED.match(url) or len(url) > MAX_URL_CHARS:
        return "it is empty, too long, or contains blanks or other characters that URLs do not have"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "it cannot be read as a URL"
    if parts.scheme not in ("http", "https"):
        return "it must begin with http:// or https://"
    if not parts.hostname or any(one in url for one in "\"'`<>,;\\"):
        return "it must be one URL, such as https://models.example/v1, without quotes, commas and semicolons"
    if parts.username is not None or parts.password is not None:
        return "it must not contain a user or password; use the key"
    if parts.query or parts.fragment:
        return "it must not contain ? or #, because paths are appended to it"
    return ""


def origin(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port of a URL; None if it cannot be read."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def trimmed(url: str) -> str:
    """Return a base URL as paths are appended to it."""
    return url.strip().rstrip("/")


def unique_name(name_wanted: str, taken: Collection[str]) -> str:
    """Return a name for a connection that none of the others has."""
    number = 1
    name = name_wanted
    while name in taken:
        number += 1
        name = f"{name_wanted}-{number}"
    return name
