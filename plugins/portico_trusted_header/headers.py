"""What a proxy says about somebody, read from a request. A header that comes twice is nobody's word."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from portico.api import InvalidRequest, from_trusted_proxy
from portico_trusted_header.settings import TrustedHeaderSettings

#: Characters of a name that are kept; more groups or longer ones than this no proxy sends.
LONGEST_NAME = 256
MOST_GROUPS = 1000

NOT_NAMED = "Your provider has not provided a trusted header. Please contact your administrator for assistance."


class NotNamed(InvalidRequest):
    """No trusted proxy says who this is."""

    default = NOT_NAMED


class HeaderIdentity(msgspec.Struct, frozen=True):
    """Whom the proxy names. `groups`: None = it says nothing of them."""

    email: str
    name: str
    groups: tuple[str, ...] | None


class TrustedHeaders:
    """The configured headers, as they are in a request of a trusted proxy; from anybody else there are none."""

    def __init__(self, settings: TrustedHeaderSettings) -> None:
        self._email = settings.email_header.lower().encode()
        self._name = settings.name_header.lower().encode()
        self._groups = settings.groups_header.lower().encode()

    def emails(self, scope: Mapping[str, Any]) -> list[str]:
        """What is said about the address, however often, as it is written."""
        if not from_trusted_proxy(scope):
            return []
        return [_address(value) for value in _values(scope, self._email)]

    def identity(self, scope: Mapping[str, Any]) -> HeaderIdentity:
        """Whom the request is of. Raises: NotNamed if that is not said, or not once and for all."""
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
    """UTF-8, percent-encoded or not; what is neither becomes U+FFFD rather than a reason to keep somebody out."""
    text = unquote_to_bytes(value).decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable()).strip()[:LONGEST_NAME]


def _list(value: bytes) -> tuple[str, ...] | None:
    """Names between commas; None if there is none, which says nothing rather than "no groups"."""
    names = tuple(name for part in value.split(b",") if (name := _text(part)))
    if len(names) > MOST_GROUPS:
        raise NotNamed
    return names or None
