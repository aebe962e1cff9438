"""The text of a web page, in one pass over it.

A page is others' text. Parsers that build a tree need quadratic time for tags that are nested deeply enough, inside one
call that stops the whole process. This reads tags one after the other and looks at each character a bounded number of times.
"""

import re
from html import unescape
from typing import Final, NamedTuple

_TAG: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]{0,20})(?=[\s/>])")
#: In a tag, what its end may be, or what may contain that.
_QUOTE_OR_END: Final = re.compile(r"[\"'>]")
#: A decimal character reference with more digits than any character has. Python reads no numbers of thousands of digits.
_LONG_REFERENCE: Final = re.compile(r"&#[0-9]{20,};?")
_REPLACEMENT: Final = "\ufffd"
#: Elements whose content is not text, and ends with their own end tag only.
_WITHOUT_TEXT: Final = frozenset(
    {"script", "style", "noscript", "template", "svg", "iframe", "textarea", "title"}
)
#: Elements that do not begin a line.
_INLINE: Final = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)


class WebPage(NamedTuple):
    """What a page says: a line for each block. `title`: empty = it has none."""

    title: str
    text: str


def read_html(text: str) -> WebPage:
    """Return what a page says, without scripts and styles. Malformed parts are read as browsers do, roughly."""
    scanner = _Scanner(text)
    scanner.scan()
    return WebPage(_words(scanner.title), _lines("".join(scanner.found)))


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text, self._lower = text, text.lower()
        # `lower` makes some letters longer; then positions differ, and only ASCII is compared.
        if len(self._lower) != len(text):
            self._lower = text.translate(_ASCII_LOWER)
        self._absent: set[str] = set()
        self.found: list[str] = []
        self.title = ""

    def scan(self) -> None:
        text, at = self._text, 0
        while (start := text.find("<", at)) >= 0:
            self.found.append(text[at:start])
            at = self._skip(start)
        self.found.append(text[at:])

    def _skip(self, start: int) -> int:
        """Skip what begins with this `<`. Return the position behind it."""
        text = self._text
        if text.startswith("<!--", start):
            return self._behind("-->", start + 4)
        if text.startswith(("<!", "<?"), start):
            return self._behind(">", start)
        tag = _TAG.match(text, start)
        if tag is None:
            self.found.append("<")
            return start + 1
        name, end = tag[1].lower(), self._end_of_tag(tag.end())
        if name not in _INLINE:
            self.found.append("\n")
        if name not in _WITHOUT_TEXT or text[start + 1] == "/":
            return end
        close = self._find(f"</{name}", end)
        close = len(text) if close < 0 else close
        if name == "title" and not self.title:
            self.title = text[end:close]
        return close

    def _end_of_tag(self, at: int) -> int:
        """Return the position behind a tag. A `>` in quotes is part of the tag."""
        while (stop := _QUOTE_OR_END.search(self._text, at)) is not None:
            at = stop.end()
            if stop[0] == ">":
                return at
            close = self._find(stop[0], at)
            at = at if close < 0 else close + 1
        return len(self._text)

    def _behind(self, sought: str, at: int) -> int:
        found = self._find(sought, at)
        return len(self._text) if found < 0 else found + len(sought)

    def _find(self, sought: str, at: int) -> int:
        """Find a text, ignoring case. What is not behind one position is not behind a later one: it is sought once."""
        if sought in self._absent:
            return -1
        found = self._lower.find(sought, at)
        if found < 0:
            self._absent.add(sought)
        return found


_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _lines(text: str) -> str:
    lines = (_words(line) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _words(text: str) -> str:
    return " ".join(unescape(_LONG_REFERENCE.sub(_REPLACEMENT, text)).split())
