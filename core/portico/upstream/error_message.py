"""Finds the sentence in the error response of a provider, in all forms in which providers send it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

#: Keys in which a sentence, or an object or list with one, is looked for.
_KEYS = ("error", "detail", "message", "msg", "errors", "error_description", "reason", "title")
#: Levels of a response that are searched.
MAX_LEVELS = 6


class ErrorMessage(NamedTuple):
    """What a provider says of an error. `type`, `param`, `code`: as in the API of OpenAI, where the provider has them."""

    text: str
    type: Any = None
    param: Any = None
    code: Any = None


def error_message(body: bytes) -> ErrorMessage | None:
    """Return the error in a response: JSON of any of the usual forms, or plain text. None if it says nothing, or is a page of HTML."""
    text = body.decode("utf-8-sig", errors="replace").strip()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        is_sentence = text[:1] not in ("<", "{", "[") and "<html" not in text[:1000].lower()
        return ErrorMessage(text) if text and is_sentence else None
    return _found(content, MAX_LEVELS)


def _found(content: Any, levels: int) -> ErrorMessage | None:
    if isinstance(content, str):
        return ErrorMessage(content.strip()) if content.strip() else None
    if not levels:
        return None
    if isinstance(content, list):
        found = [each for item in content[:20] if (each := _found(item, levels - 1))]
        return found[0]._replace(text="; ".join(each.text for each in found)) if found else None
    if isinstance(content, dict):
        inner = (_found(content[key], levels - 1) for key in _KEYS if content.get(key))
        return _described(content, next(filter(None, inner), None))
    return None


def _described(content: Mapping[str, Any], found: ErrorMessage | None) -> ErrorMessage | None:
    """Return an error with what the object around its sentence says of it."""
    if found is None:
        return None
    text, param = found.text, content.get("param")
    if place := _place(content.get("loc")):
        text, param = f"{place}: {text}", place
    return ErrorMessage(
        text,
        found.type or content.get("type") or content.get("status"),
        found.param or param,
        found.code or content.get("code"),
    )


def _place(loc: Any) -> str:
    """Return the place of a field in a request, such as `messages.0.content` (source: errors of FastAPI and pydantic)."""
    if not isinstance(loc, Sequence) or isinstance(loc, str):
        return ""
    parts = [str(part) for part in loc if isinstance(part, str | int)]
    return ".".join(parts[1:] if parts[:1] == ["body"] else parts)
