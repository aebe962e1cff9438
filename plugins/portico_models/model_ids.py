"""Ids of models: which are allowed, and which ones a person could confuse."""

import unicodedata

from portico.api import INVALID_MODEL_ID, MODEL_ID_TOO_LONG, InvalidRequest, normalized

#: Characters, not bytes.
LONGEST_ID = 256

#: Characters of a likeness, so that an index can hold it: some letters are many when folded.
LONGEST_LIKENESS = 640

#: Control characters, invisible ones, and blanks of every width.
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")


def normalized_id(model_id: str) -> str:
    """An id without case, blanks, invisible characters and Unicode's other forms of the same letters.

    `GPT-4o`, `gpt-4o ` and `ｇｐｔ-4o` are alike; none may stand in for another.
    """
    like = ""
    while like != model_id:  # taking a character out can bring others together
        like, model_id = model_id, _folded(model_id)
    return like


def _folded(text: str) -> str:
    folded = normalized("NFKC", normalized("NFKC", text).casefold())
    return "".join(c for c in folded if unicodedata.category(c) not in _UNSEEN)


def check_id(model_id: str) -> str:
    """The id, if it is allowed: 1–256 characters, no control characters, something to see. Raises: Invalid."""
    like = normalized_id(model_id) if len(model_id) <= LONGEST_ID else ""
    if len(model_id) > LONGEST_ID or len(like) > LONGEST_LIKENESS:
        raise InvalidRequest(MODEL_ID_TOO_LONG)
    # Cs: half of a surrogate pair, which no database stores.
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in model_id) or not like:
        raise InvalidRequest(INVALID_MODEL_ID)
    return model_id


def may_exist(model_id: str) -> bool:
    """Whether a record could have this id; asked before a database is, which may not store all characters.

    Longer ids than are allowed today are among them: an earlier release may have taken them.
    """
    return bool(model_id) and not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in model_id)


def is_allowed(model_id: str) -> bool:
    """Whether a new record may have this id."""
    try:
        return bool(check_id(model_id))
    except InvalidRequest:
        return False
