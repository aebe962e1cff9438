"""What goes wrong at a provider, in words that are fit for a client.

A provider's own text may hold the key it was called with, addresses behind our walls, a stack. So it goes to the
log, redacted, and the client learns which source failed and how. Only what a provider says about the *request*
(400, 404, 413, 422) comes through, taken apart and cleaned, because the person who asked can do something about it.
"""

import email.utils
import json
import logging
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from portico.api import RateLimited, SourceFailed, SourceResponse, SourceTimedOut, now

log = logging.getLogger(__name__)

#: Statuses that are about the request.
ABOUT_THE_REQUEST = frozenset({400, 404, 413, 422})
TIMED_OUT = frozenset({408, 504, 524})
#: Seconds to wait where a provider that is too busy does not say how long.
RETRY_AFTER = 5
#: Characters of a provider's sentence that are passed on or logged.
LONGEST = 500

_HIDDEN = "[hidden]"
# Texts of providers meet these: none of them may look at one character more than a few times.
_KEYLIKE = re.compile(r"\b(?:sk|key|pk)-[\w*.\-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"\b\w+://[^\s\"'<>)\\]+|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b")
_STACK = re.compile(r"Traceback \(most recent|\bFile \"|\n[ \t]+at |\bline \d+, in ")


class Redactor:
    """Takes out of texts what only we and the provider may know: keys, secret headers, addresses."""

    def __init__(self, url: str, secrets: Iterable[str]) -> None:
        place = urlsplit(url)
        known = {url, place.netloc, place.hostname or "", *secrets}
        words = sorted((word for word in known if len(word) > 3), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, words)) or r"(?!)")
        self._known_bytes = re.compile(self._known.pattern.encode())

    def known(self, data: bytes) -> bytes:
        """The bytes without this connection's own key and address."""
        return self._known_bytes.sub(_HIDDEN.encode(), data)

    def __call__(self, text: str) -> str:
        """The text without anything that looks like a key or an address, on one line, at a readable length."""
        if stack := _STACK.search(text):
            text = text[: stack.start()]
        for pattern in (self._known, _KEYLIKE, _ADDRESS):
            text = pattern.sub(_HIDDEN, text)
        return " ".join(text.split())[:LONGEST]


class Failures:
    """The failures of one source."""

    def __init__(self, name: str, redact: Redactor) -> None:
        self.name = name
        self.redact = redact

    def unreachable(self, error: BaseException) -> SourceFailed:
        """No connection, or one that broke before there was an answer."""
        log.warning("%s: no connection: %s", self.name, self._of(error))
        return SourceFailed(f"The model source {self.name!r} could not be reached.")

    def timed_out(self) -> SourceTimedOut:
        """No answer, or no more of it, within the limits."""
        log.warning("%s: no answer in time", self.name)
        return SourceTimedOut(f"The model source {self.name!r} did not answer in time.")

    def invalid_response(self, what: str) -> SourceFailed:
        """An answer that is none. `what`: for the log."""
        log.warning("%s: %s", self.name, what)
        return SourceFailed(f"The model source {self.name!r} gave an answer that cannot be read.")

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> SourceResponse:
        """What a provider's refusal becomes.

        Returns a reply for what concerns the request. Raises: RateLimited for 429; SourceTimedOut; SourceFailed for
        the rest, 401 and 403 too: the key they are about is ours, not the caller's.
        """
        self._log_refusal(status, body)
        if status == 429:
            raise RateLimited(
                _seconds(headers), f"The model source {self.name!r} is over its rate limit."
            )
        if status in TIMED_OUT:
            raise SourceTimedOut(f"The model source {self.name!r} did not answer in time.")
        if status in ABOUT_THE_REQUEST and (error := _error(body)):
            return SourceResponse(
                status=status, body=msgspec.json.encode({"error": self._cleaned(error)})
            )
        raise self.failed(status)

    def failed(self, status: int, body: bytes = b"") -> SourceFailed:
        """A refusal that concerns nobody but us and the provider."""
        if body:
            self._log_refusal(status, body)
        how = "refused our credentials" if status in (401, 403) else "answered with an error"
        return SourceFailed(f"The model source {self.name!r} {how}.")

    def error_in_stream(self, payload: bytes) -> str:
        """What the client is told when the provider reports an error in what should be an answer."""
        text = payload.decode(errors="replace")
        log.warning("%s: error inside an answer: %s", self.name, self.redact(text))
        return f"The model source {self.name!r} failed while it answered."

    def interrupted(self, error: BaseException | None = None) -> str:
        """What the client is told when the stream ended before the answer did."""
        log.warning("%s: broke off: %s", self.name, self._of(error) if error else "no end was sent")
        return f"The model source {self.name!r} broke off its answer."

    def dropped_events(self, events: int) -> str:
        """What the client is told when some of a stream could not be read."""
        log.warning("%s: %d events of a stream could not be read", self.name, events)
        return (
            f"Parts of what the model source {self.name!r} sent could not be read and are missing."
        )

    def _log_refusal(self, status: int, body: bytes) -> None:
        text = self.redact(body.decode(errors="replace"))
        log.warning("%s: answered %d: %s", self.name, status, text)

    def _cleaned(self, error: Mapping[str, Any]) -> dict[str, Any]:
        """The keys that OpenAI's clients know, as texts without secrets."""
        kept = {key: error.get(key) for key in ("message", "type", "param", "code")}
        return {
            key: self.redact(value) if isinstance(value, str) else value
            for key, value in kept.items()
            if value is None or isinstance(value, str | int)
        }

    def _of(self, error: BaseException) -> str:
        return f"{type(error).__name__}: {self.redact(str(error))}"


def _error(body: bytes) -> Mapping[str, Any] | None:
    """The error a body of JSON speaks of, in whichever of the usual shapes; None if it is something else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    error = found.get("error", found.get("detail", found))
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    return error


def _seconds(headers: Mapping[str, str]) -> int:
    """The `Retry-After` of a provider, a number or a date, in seconds from now."""
    value = headers.get("retry-after", "")
    try:
        return min(max(math.ceil(float(value)), 0), 86400)
    except (ValueError, OverflowError):
        pass
    try:
        return min(max(int(email.utils.parsedate_to_datetime(value).timestamp()) - now(), 0), 86400)
    except (ValueError, TypeError, OverflowError):
        return RETRY_AFTER
