"""Reads the trusted headers of a request. A header that occurs twice is refused."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from portico.api import InvalidRequest
from portico.api.auth import from_trusted_proxy
from portico_trusted_header.settings import TrustedHeaderSettings

#: Longer names are cut; requests with more groups are refused.
MAX_NAME_CHARS = 256
MAX_GROUPS = 1000

NOT_NAMED = "Your provider has not provided a trusted header. Please contact your administrator for assistance."


class NotNamed(InvalidRequest):
    """No trusted proxy names exactly one user."""

    default = NOT_NAMED


class HeaderIdentity(msgspec.Struct, frozen=True):
    """The user that the proxy names. `groups`: None = the proxy names no groups."""

    email: str
    name: str
    groups: tuple[str, ...] | None


class TrustedHeaders:
    """The configured headers. They are read only from requests of trusted proxies."""

    def __init__(self, settings: TrustedHeaderSettings) -> None:
        self._email = settings.email_header.lower().encode()
        self._name = settings.name_header.lower().encode()
        self._groups = settings.groups_header.lower().encode()

    def emails(self, scope: Mapping[str, Any]) -> list[str]:
        """Return every value of the e-mail header, as it was sent."""
        if not from_trusted_proxy(scope):
            return []
        return [_address(value) for value in _values(scope, self._email)]

    def identity(self, scope: Mapping[str, Any]) -> HeaderIdentity:
        """Return the user that the proxy names. Raises: NotNamed if a header is missing or occurs twice."""
        emails = self.emails(scope)
        if len(emails) != 1 or not emails[0]:
            raise NotNamed
        return HeaderIdentity(
            email=emails[0],
            name=_text(_one(scope, self._name)) or emails[0],
            groups=_list(_one(scope, self._groups)),
        )


def _address(value: bytes) -> str:
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()


def _values(scope: Mapping[str, Any], name: bytes) -> list[bytes]:
    return [value for found, value in scope["headers"] if found == name] if name else []


def _one(scope: Mapping[str, Any], name: bytes) -> bytes:
    values = _values(scope, name)
    if len(values) > 1:
        raise NotNamed
    return values[0] if values else b""


def _text(value: bytes) -> str:
    """Decode UTF-8, percent-encoded or not. Invalid bytes become U+FFFD, so that the user can still sign in."""
    text = unquote_to_bytes(value).decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable()).strip()[:MAX_NAME_CHARS]


def _list(value: bytes) -> tuple[str, ...] | None:
    """Return names separated by commas; None for an empty header, which leaves groups as they are."""
    names = tuple(name for part in value.split(b",") if (name := _text(part)))
    if len(names) > MAX_GROUPS:
        raise NotNamed
    return names or None
