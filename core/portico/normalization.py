"""Unicode normalization in linear time, and the key by which texts that look the same are compared.

`unicodedata.normalize` sorts the marks after a letter by insertion: 32 KB of them take half a minute. No script puts
more than a few marks on a letter, so all beyond `MAX_MARKS` are left out before.
"""

import re
import unicodedata
from typing import Final, Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

#: Marks in a row that are kept. Source: the Stream-Safe Text Format of UAX #15 has the same bound.
MAX_MARKS: Final = 30

#: What is no mark itself and is made of marks only. A test looks for more in all there are.
_MADE_OF_MARKS: Final = {
    "\u0f73": "\u0f71\u0f72",
    "\u0f75": "\u0f71\u0f74",
    "\u0f81": "\u0f71\u0f80",
}
#: The same, in the forms that know no halfwidth characters.
_HALFWIDTH_MARKS: Final = {"\uff9e": "\u3099", "\uff9f": "\u309a"}
_JOINERS: Final = ("\u200c", "\u200d")
_TOO_MANY: Final = re.compile(rb"[^\x00]{%d,}" % (MAX_MARKS + 1))


def normalized(form: Form, text: str) -> str:
    """The text in a form of Unicode, with at most `MAX_MARKS` marks in a row."""
    if text.isascii():
        return text
    return unicodedata.normalize(form, _with_few_marks(text, "K" in form))


def likeness(text: str) -> str:
    """The same for texts that look the same: in NFC and without case."""
    if text.isascii():
        return text.lower()
    # Folding can take a letter and its mark apart, and a mark can stand in the way of folding.
    return normalized("NFC", normalized("NFC", text).casefold())


def label_key(text: str) -> str:
    """The same for labels that look the same: as `likeness`, without characters nobody sees, and with one kind of blank.

    The joiners stay: emoji and some scripts are other ones without them.
    """
    visible = "".join(
        one
        for one in text.strip()
        if one in _JOINERS or unicodedata.category(one) not in ("Cf", "Cc") or one.isspace()
    )
    return likeness("".join(" " if one.isspace() else one for one in visible.strip()))


def _with_few_marks(text: str, compatible: bool) -> str:
    for compound, marks in (_MADE_OF_MARKS | (_HALFWIDTH_MARKS if compatible else {})).items():
        text = text.replace(compound, marks)
    # A run that is too long covers at least one of the places that are looked at first.
    if not _classes(text[:: MAX_MARKS + 1]).strip(b"\x00"):
        return text
    kept, at = [], 0
    for run in _TOO_MANY.finditer(_classes(text)):
        kept.append(text[at : run.start() + MAX_MARKS])
        at = run.end()
    return "".join([*kept, text[at:]])


def _classes(text: str) -> bytes:
    """The combining class of each character; 0 = it is no mark."""
    return bytes(map(unicodedata.combining, text))
