"""Cleans and checks texts of settings that a mistake in quoting or copying makes useless: addresses, keys, header values.

Blanks and line ends around such a text, and quotation marks around all of it, are removed: they come from environment files.
What else is wrong is refused when the server starts, with a sentence, and not when the first request fails.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

#: `url`: the address of a server. `url_with_user`: one that may hold user and password. `token`: printable ASCII without
#: blanks. `proxy`: the address of a proxy, an HTTP proxy if it has no scheme. `line`: one line of text. `dsn`: one line, the address
#: of a database or of Redis. `header`: the value of a header; lines are joined by blanks.
TextForm: TypeAlias = Literal["", "url", "url_with_user", "proxy", "token", "line", "dsn", "header"]

#: Forms of addresses, which may hold a password. It cannot be told apart in one that is invalid.
ADDRESS_FORMS: frozenset[TextForm] = frozenset({"url", "url_with_user", "proxy", "dsn"})

_QUOTES = "\"'`"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_NOT_IN_URL = re.compile(r"[^!-~]|[\"'`<>\\^{|}]")
_SEVERAL = re.compile(r"[,;]\s*https?:", re.IGNORECASE)
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_VISIBLE_ASCII = re.compile(r"[!-~]+\Z")
_PRINTABLE_ASCII = re.compile(r"[ -~]*\Z")


class TextFault(ValueError):
    """What is wrong with a text, as the end of a sentence without the text, which may be secret."""


def cleaned(raw: Any, form: TextForm) -> Any:
    """Return a text, or a list of texts, without what surrounds it. Raises: TextFault."""
    if not form:
        return raw
    if isinstance(raw, list):
        return [_item(item, form, number) for number, item in enumerate(raw, 1)]
    return _cleaned_text(raw, form) if isinstance(raw, str) else raw


def _item(raw: Any, form: TextForm, number: int) -> Any:
    try:
        return _cleaned_text(raw, form) if isinstance(raw, str) else raw
    except TextFault as fault:
        raise TextFault(f"item {number}: {fault}") from None


def _cleaned_text(text: str, form: TextForm) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        text = text[1:-1].strip()
    return _CHECKS[form](text) if text else ""


def _url(text: str) -> str:
    text = text.rstrip(",;")
    if _SEVERAL.search(text):
        raise TextFault("it holds several addresses; separate those of a list with ; (semicolon)")
    if _NOT_IN_URL.search(text):
        raise TextFault("an address holds no blanks, quotation marks or line ends")
    if not _HTTP.match(text):
        raise TextFault("an address begins with http:// or https://")
    try:
        address = urlsplit(text)
        has_host = bool(address.hostname) and address.port != 0
    except ValueError:
        has_host = False
    if not has_host:
        raise TextFault(
            "an address is http:// or https:// and a host, perhaps with a port and a path"
        )
    return text


def _url_without_user(text: str) -> str:
    text = _url(text)
    if "@" in urlsplit(text).netloc:
        raise TextFault(
            "this address must hold no user and password; the key has a setting of its own"
        )
    return text


def _proxy(text: str) -> str:
    return _url(text if "://" in text else f"http://{text}")


def _token(text: str) -> str:
    if not _VISIBLE_ASCII.match(text):
        raise TextFault("it holds blanks, line ends or other characters that a key cannot have")
    return text


def _line(text: str) -> str:
    if _CONTROL.search(text):
        raise TextFault("it holds line ends or control characters")
    return text


def _header(text: str) -> str:
    text = " ".join(filter(None, map(str.strip, text.splitlines())))
    if not _PRINTABLE_ASCII.match(text):
        raise TextFault("the value of a header has printable ASCII characters only")
    return text


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "url": _url_without_user,
    "url_with_user": _url,
    "proxy": _proxy,
    "token": _token,
    "line": _line,
    "dsn": _line,
    "header": _header,
}
