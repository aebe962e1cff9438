"""Ids of models: which ones are allowed."""

import unicodedata

from portico.api import InvalidRequest
from portico.api.messages import INVALID_MODEL_ID, MODEL_ID_TOO_LONG
from portico.api.text import normalized_id

#: Characters, not bytes.
MAX_ID_CHARS = 256

#: Characters of a normalized id, so that an index can contain it: some letters become several.
MAX_NORMALIZED_ID_CHARS = 640


def check_id(model_id: str) -> str:
    """Return the id if it is valid: 1–256 characters, no control characters, a visible one. Raises: InvalidRequest."""
    normal = normalized_id(model_id) if len(model_id) <= MAX_ID_CHARS else ""
    if len(model_id) > MAX_ID_CHARS or len(normal) > MAX_NORMALIZED_ID_CHARS:
        raise InvalidRequest(MODEL_ID_TOO_LONG)
    # Cs: half of a surrogate pair, which no database stores.
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in model_id) or not normal:
        raise InvalidRequest(INVALID_MODEL_ID)
    return model_id


def is_allowed(model_id: str) -> bool:
    """Return whether a new model may have this id."""
    try:
        return bool(check_id(model_id))
    except InvalidRequest:
        return False
