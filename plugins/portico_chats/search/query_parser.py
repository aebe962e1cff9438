"""Parser of search queries."""

import re
from typing import Final

import msgspec

from portico.api import InvalidRequest
from portico_chats.storage.indexed_texts import MAX_PHRASE_CHARS, folded
from portico_chats.tags.names import tag_id

#: Spaces of every width: East Asian input methods write wide ones.
_SPACES: Final = re.compile("[ \u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_FLAGS: Final = {"true": True, "false": False}
_NO_TAGS: Final = "none"
_TOO_LONG: Final = f"text: at most {MAX_PHRASE_CHARS} characters can be searched for."


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A search query. `None` = no condition.

    `phrase`: folded; must occur in the title or in a message, empty = no condition. `tags`: ids, all of which a
    chat must have. `folders`: names, one of which must be the chat's folder; empty = any.
    """

    phrase: str = ""
    tags: tuple[str, ...] = ()
    untagged: bool = False
    folders: tuple[str, ...] = ()
    pinned: bool | None = None
    archived: bool = False
    shared: bool | None = None


def parse(text: str) -> SearchQuery:
    """Parse a query: take the operators out, and join the other words with single spaces to a phrase.

    An operator without a value, or a flag that is neither true nor false, is ignored: the user is still typing.
    Raises: InvalidRequest for a text of more than `MAX_PHRASE_CHARS` characters, or with characters that no
    database stores.
    """
    if len(text) > MAX_PHRASE_CHARS:
        raise InvalidRequest(_TOO_LONG)
    if not _is_storable(text):
        raise InvalidRequest("text: it contains a character that cannot be searched for.")
    words: list[str] = []
    given: dict[str, list[str]] = {
        name: [] for name in ("tag", "folder", "pinned", "archived", "shared")
    }
    # No stored text contains U+0000.
    for word in _SPACES.split(text.replace("\0", "").lower().strip()):
        name, colon, value = word.partition(":")
        if colon and name in given:
            given[name].append(value)
        elif word:
            words.append(word)
    tags = [tag for tag in dict.fromkeys(map(tag_id, given["tag"])) if tag]
    return SearchQuery(
        phrase=_phrase(words),
        tags=tuple(tag for tag in tags if tag != _NO_TAGS),
        untagged=_NO_TAGS in tags,
        folders=tuple(_names(given["folder"])),
        pinned=_flag(given["pinned"]),
        archived=_flag(given["archived"]) or False,
        shared=_flag(given["shared"]),
    )


def _phrase(words: list[str]) -> str:
    phrase = folded(" ".join(words))
    if len(phrase) > MAX_PHRASE_CHARS:  # one character can unfold into many
        raise InvalidRequest(_TOO_LONG)
    return phrase


def _names(values: list[str]) -> list[str]:
    """Underscores stand for spaces; folder names with underscores are found as well."""
    spelled = [name for value in values if value for name in (value.replace("_", " "), value)]
    return list(dict.fromkeys(spelled))


def _flag(values: list[str]) -> bool | None:
    """Return true if both values are given."""
    flags = {_FLAGS[value] for value in values if value in _FLAGS}
    return max(flags) if flags else None


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
