"""Formats values for display: short, on one line, with secrets masked."""

import json
import re
from typing import Any

import msgspec

from portico.settings.section import Secret

MASK = "********"
MAX_SHOWN_CHARS = 120

_USER_IN_URL = re.compile(r"://[^:@/?#\s]*:")
_USER_ALONE = re.compile(r"(?<!\bpostgres)(?<!\bpostgresql)://[^:@/?#\s]+@")
_WITHOUT_SCHEME = re.compile(r"(?!mailto:)([^\s:@]+:)\S+(@[^\s@]+)")
_PASSWORD_IN_QUERY = re.compile(
    r"([?&](?:password|passwd|pwd|sslpassword|secret|token|key|api_?key)=)[^&#\s]*", re.IGNORECASE
)
_PASSWORD_IN_JSON = re.compile(
    r"(\"[^\"\\]{0,64}(?:secret|passw|token|key)[^\"\\]{0,64}\"\s{0,8}:\s{0,8}\")[^\"]+",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\s'`]+")
_SECRET_NAME = re.compile(r"secret|passw|token|authorization|apikey|(^|[-_])key\Z", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """Return the text with passwords in URLs masked. User names stay where there is a password besides, else only those of
    PostgreSQL do: in other URLs, a name alone is often a token.
    """
    # Up to the last @: of a password with an unescaped @, no part must be shown.
    end = text.rfind("@")
    if (user := _USER_IN_URL.search(text, 0, max(end, 0))) is not None:
        text = f"{text[: user.end()]}{MASK}{text[end:]}"
    elif "://" in text:
        text = _USER_ALONE.sub(f"://{MASK}@", text)
    elif (user := _WITHOUT_SCHEME.fullmatch(text)) is not None:
        text = f"{user[1]}{MASK}{user[2]}"
    text = _PASSWORD_IN_JSON.sub(rf"\1{MASK}", text)
    return _PASSWORD_IN_QUERY.sub(rf"\1{MASK}", text)


def sentence_without_credentials(text: str, *, urls_only: bool = False) -> str:
    """Return a sentence with the credentials in each of its words masked. `urls_only`: leave words such as `user:a@b`."""

    def mask(word: re.Match[str]) -> str:
        return word[0] if urls_only and "://" not in word[0] else without_credentials(word[0])

    return _WORD.sub(mask, _PASSWORD_IN_JSON.sub(rf"\1{MASK}", text))


def masked(value: object) -> Any:
    """Return the value as plain data (text, numbers, lists, mappings) with all secrets masked.

    An unset secret stays the empty string, which shows that it is not set.
    """
    return _mask(msgspec.to_builtins(value, enc_hook=_encode))


def shown(plain: object) -> str:
    """Return plain data as one short line of JSON, without control characters."""
    text = json.dumps(plain, ensure_ascii=False, default=str)
    if not text.isprintable():
        text = json.dumps(plain, default=str)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[: MAX_SHOWN_CHARS - 1]}…"


def _encode(value: object) -> str:
    if isinstance(value, Secret):
        return MASK if value else ""
    return str(value)


def _mask(plain: Any) -> Any:
    match plain:
        case str():
            return without_credentials(plain)
        case list() | tuple():
            return [_mask(item) for item in plain]
        case dict():
            return {name: _mask_named(str(name), item) for name, item in plain.items()}
        case _:
            return plain


def _mask_named(name: str, plain: Any) -> Any:
    # Free-form tables have keys that no type marks as secret, so their names are checked.
    if isinstance(plain, str) and plain and _SECRET_NAME.search(name):
        return MASK
    return _mask(plain)
