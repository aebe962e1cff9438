"""Removes from texts of a provider what clients and logs must not contain."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

#: Characters of a provider's message that are passed on or logged.
MAX_MESSAGE_CHARS = 500

_HIDDEN = "[hidden]"
# Applied to texts of providers: none of these may backtrack more than a few times over a character.
_KEYLIKE = re.compile(r"\b(?:sk|key|pk)-[\w*.\-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"\b\w+://[^\s\"'<>)\\]+|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b")
_STACK = re.compile(r"Traceback \(most recent|\bFile \"|\n[ \t]+at |\bline \d+, in ")


class Redactor:
    """Removes keys, secret headers and addresses of a connection from texts."""

    def __init__(self, url: str, secrets: Iterable[str]) -> None:
        address = urlsplit(url)
        known = {url, address.netloc, address.hostname or "", *secrets}
        hidden = sorted((text for text in known if len(text) > 3), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, hidden)) or r"(?!)")
        self._known_bytes = re.compile(self._known.pattern.encode())

    def remove_known(self, data: bytes) -> bytes:
        """Return the bytes without this connection's own key and address."""
        return self._known_bytes.sub(_HIDDEN.encode(), data)

    def __call__(self, text: str) -> str:
        """Return the text on one line, shortened, without anything that looks like a key or an address."""
        if stack := _STACK.search(text):
            text = text[: stack.start()]
        for pattern in (self._known, _KEYLIKE, _ADDRESS):
            text = pattern.sub(_HIDDEN, text)
        return " ".join(text.split())[:MAX_MESSAGE_CHARS]
