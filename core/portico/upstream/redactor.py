"""Removes from texts of a provider what clients and logs must not contain."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

#: Characters of a provider's message that are passed on or logged.
MAX_MESSAGE_CHARS = 1000
#: Characters that are looked at: what follows would be cut off anyway.
MAX_READ_CHARS = 8 * MAX_MESSAGE_CHARS

_HIDDEN = "[hidden]"
# Applied to texts of providers: none of these may backtrack more than a few times over a character.
_KEY = re.compile(
    r"\b(?:sk|pk|rk|xai|gsk|hf|ghp|api|key)[-_](?=[a-z_\-]{0,24}[\d*])[\w*.\-]{6,200}"
    r"|\b(?:sk|pk|rk)-[\w*.\-]{6,200}"
    r"|\bAIza[\w\-]{20,200}|\bAKIA\w{12,200}|\beyJ[\w\-]{8,500}\.[\w\-.]{0,2000}"
    r"|\b(?:Bearer|Basic)\s{1,9}[^\s\"',;]{4,2000}"
    r"|\b(?=[a-z_]{0,31}\d)\w{32,200}\b",
    re.IGNORECASE,
)
_URL = re.compile(r"\b[a-z][a-z0-9+.\-]{0,20}://[^\s\"'<>)\\\]]{1,2000}", re.IGNORECASE)
_ADDRESS = re.compile(
    r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b"
    r"|\blocalhost(?::\d{1,5})?\b"
    r"|\b[\w\-]{1,63}(?:\.[\w\-]{1,63}){0,6}\.(?:internal|local|localdomain|lan|corp|intranet|svc|home)\b(?::\d{1,5})?"
    r"|\b[a-z][\w\-]{0,62}(?:\.[\w\-]{1,63}){0,6}:\d{2,5}\b"
    r"|\b[a-z0-9\-]{1,63}(?:\.[a-z0-9\-]{1,63}){0,6}\.[a-z]{2,24}/[^\s\"'<>)\\\]]{1,2000}"
    r"|\b[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,6}\b",
    re.IGNORECASE,
)
_ADDRESS_6 = re.compile(r"(?<![\w:.])\[?[0-9a-f:]{3,39}(?:%\w{1,16})?\]?(?![\w:])", re.IGNORECASE)
_PATH = re.compile(
    r"(?<![\w/.:#<])(?:~|\.{1,2})?/[\w.\-+@]{1,255}(?:/[\w.\-+@]{1,255}){1,64}/?"
    r"|(?<![\w/.:#<])(?:~|\.{1,2})?/[\w\-+@]{1,255}\.\w{1,8}\b"
    r"|\b[a-z]:\\[^\s\"'<>|]{1,1000}|(?<!\S)\\\\[\w.\-$]{1,255}\\[^\s\"'<>|]{1,1000}",
    re.IGNORECASE,
)
_STACK = re.compile(r"Traceback \(most recent|\bFile \"|\n[ \t]{1,16}at |\bline \d+, in ")


class Redactor:
    """Removes keys, secret headers, addresses and paths from texts. `secrets`: texts of which each word is removed too."""

    def __init__(self, url: str, secrets: Iterable[str]) -> None:
        address = urlsplit(url)
        host = address.hostname or ""
        known = {url, address.netloc, address.netloc.rpartition("@")[2], address.password or ""}
        if not host.isalpha():  # a name of one word may be any word of a message, such as "ollama"
            known.add(host)
        for secret in secrets:
            known |= {secret, *(word for word in secret.split() if len(word) > 7)}
        hidden = sorted((text for text in known if len(text) > 3), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, hidden)) or r"(?!)")
        self._known_bytes = re.compile(self._known.pattern.encode())

    def remove_known(self, data: bytes) -> bytes:
        """Return the bytes without this connection's own key and address."""
        return self._known_bytes.sub(_HIDDEN.encode(), data)

    def __call__(self, text: str) -> str:
        """Return the text on one line, shortened, without anything that looks like a key, an address or a path."""
        text = self._known.sub(_HIDDEN, text[:MAX_READ_CHARS])
        if stack := _STACK.search(text):
            text = text[: stack.start()]
        for pattern in (_URL, _KEY, _ADDRESS):
            text = pattern.sub(_HIDDEN, text)
        text = _PATH.sub(_HIDDEN, _ADDRESS_6.sub(_without_address, text))
        return " ".join(text.split())[:MAX_MESSAGE_CHARS]


def _without_address(found: re.Match[str]) -> str:
    try:
        ip_address(found[0].strip("[]"))
    except ValueError:
        return found[0]
    return _HIDDEN
