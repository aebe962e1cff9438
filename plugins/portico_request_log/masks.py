"""Masks of bodies: what a log may show of a request. Secrets, prompts and other free texts are not shown; ids, flags and numbers are."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

MASK: Final = "********"
#: Levels of a document that are shown.
_MAX_DEPTH: Final = 12
#: Elements of a list that are shown.
_MAX_ITEMS: Final = 50
#: Words in a name whose value is a secret, at any level below it.
_SECRET: Final = re.compile(
    r"pass(?:word|wd|phrase)?(?![a-z])|secret|tokens?|credential|authorization|cookie|private|signature"
    r"|(?:^|[_.-])(?:api_?)?keys?(?:[_.-]|\Z)|apikey|headers?\Z|assertion|code_verifier|otp\Z",
    re.I,
)
#: Names whose values are texts of users: prompts, documents, comments.
_TEXT: Final = frozenset(
    (
        "body", "chat", "comment", "content", "context", "data", "delta", "description", "document", "feedback",
        "file", "history", "input", "instructions", "message", "messages", "note", "output", "prompt", "prompts",
        "query", "queries", "reason", "snapshot", "suggestions", "suggestion_prompts", "system", "tags", "template",
        "text", "title", "variables",
    )
)  # fmt: skip
#: Names whose values are shown although they may have spaces.
_SHOWN: Final = frozenset(
    ("base_model_id", "detail", "email", "id", "model", "model_ids", "name", "role", "timezone")
)
_MAX_SHOWN_CHARS: Final = 200
#: Ids and other words; anything else is a text. A longer one may be a key.
_WORD: Final = re.compile(r"[\w.@:/+\-]{0,40}\Z", re.ASCII)
#: A key that was issued by someone, wherever it stands.
_KEY: Final = re.compile(r"(?:sk-|eyJ|ghp_|xox[abp]-|AKIA|whsec_)", re.ASCII)


def masked(value: Any) -> Any:
    """Return a decoded JSON document as it may be shown."""
    return _masked("", value, _MAX_DEPTH)


def _masked(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _SECRET.search(name) and not _is_count(name, value):
        return MASK
    if isinstance(value, Mapping):
        return _masked_object(name, value, depth)
    if isinstance(value, list):
        if not depth:
            return f"[{len(value)} items]"
        shown = [_masked(name, one, depth - 1) for one in value[:_MAX_ITEMS]]
        return shown if len(value) <= _MAX_ITEMS else [*shown, f"[{len(value) - len(shown)} more]"]
    return _masked_text(name, value) if isinstance(value, str) else value


def _is_count(name: str, value: Any) -> bool:
    """Return whether a value is a number of tokens."""
    return isinstance(value, int | float) and name.lower().endswith("tokens")


def _masked_object(name: str, value: Mapping[str, Any], depth: int) -> Any:
    if not depth:
        return f"[{len(value)} fields]"
    # Whatever is inside a text of a user is one too, whatever its name.
    inside = name if name.lower() in _TEXT else ""
    return {
        (field if _WORD.match(field) and not _KEY.search(field) else MASK): (
            _masked(inside or field, one, depth - 1)
        )
        for field, one in value.items()
    }


def _masked_text(name: str, text: str) -> str:
    if not text:
        return text
    if name.lower() in _TEXT or _KEY.search(text):
        return _hidden(text)
    if text.startswith(("http://", "https://")):
        return _origin(text)
    if "://" in text:  # such as the address of a database, with its password
        return _hidden(text)
    if _WORD.match(text) or (name.lower() in _SHOWN and len(text) <= _MAX_SHOWN_CHARS):
        return text
    return _hidden(text)


def _hidden(text: str) -> str:
    return f"{MASK} ({len(text)} characters)"


def _origin(url: str) -> str:
    """Return an address without its user, path and query: those of webhooks are secrets."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return MASK
    if not _WORD.match(host):
        return MASK
    rest = parts.path.strip("/") or parts.query or parts.fragment
    return f"{parts.scheme}://{host}" + (f"/{MASK}" if rest else "")
