"""What somebody typed into the search field, taken apart."""

import re
from typing import Final

import msgspec

from portico.api import InvalidRequest
from portico_chats.storage.indexed_texts import LONGEST, folded
from portico_chats.tags.names import tag_id

#: Spaces of every width: input methods of the far East write wide ones.
_SPACES: Final = re.compile("[ \u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_FLAGS: Final = {"true": True, "false": False}
_NO_TAGS: Final = "none"
_TOO_LONG: Final = f"text: at most {LONGEST} characters can be searched for."


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A search. `None` = whichever way.

    `phrase`: folded; what has to be in the title or in a message, empty = nothing. `tags`: ids, all of which a chat
    has to carry. `folders`: names, in one of which it has to lie; empty = anywhere.
    """

    phrase: str = ""
    tags: tuple[str, ...] = ()
    untagged: bool = False
    folders: tuple[str, ...] = ()
    pinned: bool | None = None
    archived: bool = False
    shared: bool | None = None


def parse(text: str) -> SearchQuery:
    """Operators are taken out; the other words, with one space between each, are what is looked for.

    An operator without a value, or a flag that is neither true nor false, means nothing: it is being typed.
    Raises: Invalid for a text of more than `MAX_RETRY_SECONDS` characters, or one that no database could hold.
    """
    if len(text) > LONGEST:
        raise InvalidRequest(_TOO_LONG)
    if not _is_storable(text):
        raise InvalidRequest("text: it holds a character that cannot be searched for.")
    words: list[str] = []
    given: dict[str, list[str]] = {
        name: [] for name in ("tag", "folder", "pinned", "archived", "shared")
    }
    # Nothing that is stored holds U+0000.
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
    if len(phrase) > LONGEST:  # one character can unfold into many
        raise InvalidRequest(_TOO_LONG)
    return phrase


def _names(values: list[str]) -> list[str]:
    """An underscore stands for a space; a folder whose name has one is found as well."""
    spelled = [name for value in values if value for name in (value.replace("_", " "), value)]
    return list(dict.fromkeys(spelled))


def _flag(values: list[str]) -> bool | None:
    """True wins over false where both are asked for."""
    flags = {_FLAGS[value] for value in values if value in _FLAGS}
    return max(flags) if flags else None


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
