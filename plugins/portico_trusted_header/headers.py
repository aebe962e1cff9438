"""Reads the trusted headers of a request. A header that occurs twice is refused."""

import re
from collections.abc import Mapping
from email.header import decode_header
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import structlog

from portico.api import InvalidRequest
from portico.api.auth import from_trusted_proxy
from portico_trusted_header.settings import TrustedHeaderSettings

log = structlog.get_logger("portico.trusted_header")

#: Longer names of users are cut, of groups are left out; requests with more groups are refused.
MAX_NAME_CHARS = 256
MAX_GROUPS = 1000

#: What `groups_separator` chooses from: unset = the bar if the header contains one, else the comma.
COMMA, BAR = b",", b"|"
#: An encoded word. Source: RFC 2047 §2.
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=")
_ENCODED_WORDS = re.compile(rf"(?:{_ENCODED_WORD.pattern}\s*)+")

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
        self._separator = settings.groups_separator.encode()

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
            groups=self._group_names(_one(scope, self._groups)),
        )

    def _group_names(self, value: bytes) -> tuple[str, ...] | None:
        """Return the names in the header of groups; None for an empty one, which leaves groups as they are."""
        entries = _json_texts(value)
        if entries is None:
            entries = self._separated(value.strip())
        given = dict.fromkeys(name for entry in entries if (name := entry.strip(" \t")))
        if len(given) > MAX_GROUPS:
            raise NotNamed
        # A group is a right: without what cannot be printed, a name would be that of another group.
        names = tuple(name for name in given if name.isprintable() and len(name) <= MAX_NAME_CHARS)
        return names if given else None

    def _separated(self, value: bytes) -> list[str]:
        if _ENCODED_WORDS.fullmatch(value.decode("latin-1")) and (text := _decoded_words(value)):
            # The whole list was encoded, as one header of text.
            separator = self._separator_of(text.encode(errors="replace")).decode()
            return text.split(separator)
        if value.startswith(b"[") and value.endswith(b"]"):
            value = value[1:-1]
        return [_decoded(part) for part in value.split(self._separator_of(value))]

    def _separator_of(self, value: bytes) -> bytes:
        """Return what separates the names in this header. Names of groups may contain the other character."""
        if self._separator:
            return self._separator
        if BAR in value and COMMA in value:
            log.warning(
                "header of groups contains | and a comma, separated at |",
                set="plugins.trusted_header.groups_separator",
            )
        return BAR if BAR in value else COMMA


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
    """Return what can be printed of a name."""
    text = "".join(char for char in _decoded(value) if char.isprintable())
    return text.strip()[:MAX_NAME_CHARS]


def _decoded(value: bytes) -> str:
    """Decode UTF-8, percent-encoded or in encoded words (RFC 2047). Invalid bytes become U+FFFD, so that the user can still sign in."""
    return _decoded_words(value) or unquote_to_bytes(value).decode("utf-8", "replace")


def _decoded_words(value: bytes) -> str:
    """Return the text of a value with encoded words; empty if it has none, or none that can be decoded."""
    raw = value.decode("utf-8", "replace")
    if not _ENCODED_WORD.search(raw):
        return ""
    try:
        # A part without an encoding is text as it was sent, or bytes if there are other parts.
        return "".join(
            part
            if isinstance(part, str)
            else part.decode(charset or "raw-unicode-escape", "replace")
            for part, charset in decode_header(raw)
        )
    except (LookupError, ValueError):
        return ""


def _json_texts(value: bytes) -> list[str] | None:
    """Return the names in a JSON array, as some proxies write it; None if this is none."""
    try:
        return msgspec.json.decode(value, type=list[str])
    except (msgspec.MsgspecError, RecursionError):
        return None
