"""Ids of models: which ones are allowed, and which ones users could confuse."""

import unicodedata

from portico.api import InvalidRequest
from portico.api.messages import INVALID_MODEL_ID, MODEL_ID_TOO_LONG
from portico.api.text import normalized

#: Characters, not bytes.
MAX_ID_CHARS = 256

#: Characters of a normalized id, so that an index can contain it: some letters become several.
MAX_NORMALIZED_ID_CHARS = 640

#: Control characters, invisible ones, and blanks of every width.
_INVISIBLE_CATEGORIES = ("Cc", "Cf", "Zs", "Zl", "Zp")


def normalized_id(model_id: str) -> str:
    """Return an id without case, blanks, invisible characters and other Unicode forms of the same letters.

    `GPT-4o`, `gpt-4o ` and `ｇｐｔ-4o` are equal; no two models may have equal normalized ids.
    """
    normal = ""
    while normal != model_id:  # removing a character can make two others combine
        normal, model_id = model_id, _folded(model_id)
    return normal


def _folded(text: str) -> str:
    folded = normalized("NFKC", normalized("NFKC", text).casefold())
    return "".join(c for c in folded if unicodedata.category(c) not in _INVISIBLE_CATEGORIES)


def check_id(model_id: str) -> str:
    """Return the id if it is valid: 1–256 characters, no control characters, a visible one. Raises: InvalidRequest."""
    normal = normalized_id(model_id) if len(model_id) <= MAX_ID_CHARS else ""
    if len(model_id) > MAX_ID_CHARS or len(normal) > MAX_NORMALIZED_ID_CHARS:
        raise InvalidRequest(MODEL_ID_TOO_LONG)
    # Cs: half of a surrogate pair, which no database stores.
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in model_id) or not normal:
        raise InvalidRequest(INVALID_MODEL_ID)
    return model_id


def may_exist(model_id: str) -> bool:
    """Return whether a stored model could have this id. Check it before a query: databases do not store all characters.

    True also for longer ids than allowed today: an earlier release may have accepted them.
    """
    return bool(model_id) and not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in model_id)


def is_allowed(model_id: str) -> bool:
    """Return whether a new model may have this id."""
    try:
        return bool(check_id(model_id))
    except InvalidRequest:
        return False
