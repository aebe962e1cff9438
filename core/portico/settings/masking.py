"""How a value is shown to people: short, on one line, and without what is nobody's business."""

import json
import re
from typing import Any

import msgspec

from portico.settings.section import Secret

MASK = "********"
SHOWN_CHARACTERS = 120

_USER_IN_URL = re.compile(r"://[^:@/?#\s]*:")
_PASSWORD_IN_QUERY = re.compile(
    r"([?&](?:password|passwd|pwd|sslpassword|secret|token|key|api_?key)=)[^&#\s]*", re.IGNORECASE
)
_SECRET_NAME = re.compile(r"secret|passw|token|authorization|apikey|(^|[-_])key$", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """The text with every password of a URL masked; the user name stays."""
    # Up to the last @: a password that holds an unescaped @ must not show its second half.
    end = text.rfind("@")
    if (user := _USER_IN_URL.search(text, 0, max(end, 0))) is not None:
        text = f"{text[: user.end()]}{MASK}{text[end:]}"
    return _PASSWORD_IN_QUERY.sub(rf"\1{MASK}", text)


def masked(value: object) -> Any:
    """The value as plain data (text, numbers, lists, mappings) with all secrets masked.

    An unset secret stays the empty string, so that one can see whether it is set.
    """
    return _mask(msgspec.to_builtins(value, enc_hook=_encode))


def shown(plain: object) -> str:
    """Plain data as one short line of JSON that cannot disturb a terminal."""
    text = json.dumps(plain, ensure_ascii=False, default=str)
    if not text.isprintable():
        text = json.dumps(plain, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


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
    # Free-form tables carry keys that no type marks as secret; their names give them away.
    if isinstance(plain, str) and plain and _SECRET_NAME.search(name):
        return MASK
    return _mask(plain)
