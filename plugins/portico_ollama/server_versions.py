"""The version of Ollama that clients are told: the lowest of all servers. Cached, since everyone may ask."""

import asyncio
import re
import time
from collections.abc import Sequence

from portico.api import DomainError, SourceFailed
from portico_ollama.source import OllamaSource

#: Seconds for which an answer is used.
TTL_SECONDS = 30.0
NOT_REACHABLE = "WebUI could not connect to Ollama"

_NUMBER = re.compile(r"\d+", re.ASCII)


class ServerVersions:
    """Asks servers for their versions, at most every `TTL_SECONDS`."""

    def __init__(self) -> None:
        self._known: dict[OllamaSource, tuple[float, str]] = {}
        self._asking = asyncio.Lock()

    async def lowest(self, sources: Sequence[OllamaSource]) -> str | None:
        """Return the lowest version; None if no address was set and there is no server at the usual one.

        Raises: SourceFailed if there is no server that answers.
        """
        if not all(map(self._is_known, sources)):
            async with self._asking:
                await asyncio.gather(*map(self._ask, sources))
                self._known = {one: self._known[one] for one in sources if one in self._known}
        versions = [self._known[source][1] for source in sources if source in self._known]
        if found := [version for version in versions if version]:
            return min(found, key=_order)
        if all(source.connection.is_assumed for source in sources):
            return None
        raise SourceFailed(NOT_REACHABLE)

    def _is_known(self, source: OllamaSource) -> bool:
        return source in self._known and self._known[source][0] > time.monotonic()

    async def _ask(self, source: OllamaSource) -> None:
        if self._is_known(source):
            return
        version = ""
        try:
            if not source.connection.is_assumed or await source.client.is_reachable():
                version = await source.client.version()
        except DomainError:
            pass
        self._known[source] = (time.monotonic() + TTL_SECONDS, version)


def _order(version: str) -> list[int]:
    """Sort key: the numbers of a version."""
    return [int(number) for number in _NUMBER.findall(version)[:4] if len(number) < 10]
