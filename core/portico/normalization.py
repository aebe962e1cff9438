"""Unicode normalization in linear time, and keys for comparing texts that look the same.

`unicodedata.normalize` sorts the marks after a letter by insertion: 32 KB of them take half a minute. No script uses
more than a few marks on a letter, so marks beyond `MAX_MARKS` are dropped first.
"""

import re
import unicodedata
from typing import Final, Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

#: Consecutive combining marks that are kept. Source: the Stream-Safe Text Format of UAX #15 has the same bound.
MAX_MARKS: Final = 30

#: Characters that are not marks but decompose into marks only. A test checks that the list is complete.
_MADE_OF_MARKS: Final = {
    "\u0f73": "\u0f71\u0f72",
    "\u0f75": "\u0f71\u0f74",
    "\u0f81": "\u0f71\u0f80",
}
#: The same for NFKC and NFKD, which replace halfwidth characters.
_HALFWIDTH_MARKS: Final = {"\uff9e": "\u3099", "\uff9f": "\u309a"}
_JOINERS: Final = ("\u200c", "\u200d")
#: Control characters, invisible ones, and blanks of every width.
_INVISIBLE_CATEGORIES: Final = ("Cc", "Cf", "Zs", "Zl", "Zp")
_TOO_MANY: Final = re.compile(rb"[^\x00]{%d,}" % (MAX_MARKS + 1))


def normalized(form: Form, text: str) -> str:
    """Return the text in a Unicode normalization form, with at most `MAX_MARKS` consecutive marks."""
    if text.isascii():
        return text
    return unicodedata.normalize(form, _with_few_marks(text, "K" in form))


def likeness(text: str) -> str:
    """Return a key that is equal for texts that differ only in case or Unicode composition: NFC, case-folded."""
    if text.isascii():
        return text.lower()
    # Case folding can separate a letter from its mark, and a mark can prevent case folding.
    return normalized("NFC", normalized("NFC", text).casefold())


def label_key(text: str) -> str:
    """Return a key that is equal for labels that look the same: as `likeness`, without invisible characters, and with one
    kind of space.

    Zero-width joiners stay, since emoji and some scripts change without them.
    """
    visible = "".join(
        one
        for one in text.strip()
        if one in _JOINERS or unicodedata.category(one) not in ("Cf", "Cc") or one.isspace()
    )
    return likeness("".join(" " if one.isspace() else one for one in visible.strip()))


def normalized_id(model_id: str) -> str:
    """Return an id without case, blanks, invisible characters and other Unicode forms of the same letters.

    For ids that users could confuse: `GPT-4o`, `gpt-4o ` and `ｇｐｔ-4o` are equal.
    """
    normal = ""
    while normal != model_id:  # removing a character can make two others combine
        normal, model_id = model_id, _folded(model_id)
    return normal


def _folded(text: str) -> str:
    folded = normalized("NFKC", normalized("NFKC", text).casefold())
    return "".join(c for c in folded if unicodedata.category(c) not in _INVISIBLE_CATEGORIES)


def _with_few_marks(text: str, compatible: bool) -> str:
    for compound, marks in (_MADE_OF_MARKS | (_HALFWIDTH_MARKS if compatible else {})).items():
        text = text.replace(compound, marks)
    # A run that is too long covers at least one of the sampled characters.
    if not _classes(text[:: MAX_MARKS + 1]).strip(b"\x00"):
        return text
    kept, at = [], 0
    for run in _TOO_MANY.finditer(_classes(text)):
        kept.append(text[at : run.start() + MAX_MARKS])
        at = run.end()
    return "".join([*kept, text[at:]])


def _classes(text: str) -> bytes:
    """Return the combining class of each character; 0 = not a mark."""
    return bytes(map(unicodedata.combining, text))
