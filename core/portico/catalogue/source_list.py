"""The sources of a catalogue, by plugin: those that were registered, and those that change while the server runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

import structlog

from portico.catalogue.source import ModelSource, SourceProvider
from portico.catalogue.source_cache import CachedSource, LogFailure
from portico.errors import DomainError
from portico.plugin_errors.plugin_exit import is_failure
from portico.time_limit import within

log = structlog.get_logger("portico.catalogue")

#: Seconds after which a provider that does not answer keeps its sources.
PROVIDER_TIMEOUT_SECONDS: Final = 3.0


class SourceList:
    """Plugins in the order in which they were registered, each with its sources.

    `list_changed`, `log_failure`: given to each `CachedSource`. `changed`: called when a source was added or removed.
    """

    def __init__(
        self,
        list_changed: Callable[[CachedSource, bool], None],
        changed: Callable[[], None],
        log_failure: LogFailure | None = None,
    ) -> None:
        self._list_changed, self._changed, self._log_failure = list_changed, changed, log_failure
        self._by_plugin: dict[str, list[CachedSource]] = {}
        self._providers: dict[str, SourceProvider] = {}
        self._provided: dict[str, Sequence[ModelSource]] = {}
        self._failing: set[str] = set()
        self._all: list[CachedSource] = []
        self._left_out: set[tuple[str, str, str]] = set()

    def __iter__(self) -> Iterator[CachedSource]:
        return iter(self._all)

    def add(self, plugin: str, source: ModelSource | SourceProvider) -> None:
        """Add a source of a plugin, or the provider of all its sources."""
        sources = self._by_plugin.setdefault(plugin, [])
        if isinstance(source, ModelSource):
            sources.append(self._cached(plugin, source))
            self._publish()
        else:
            self._providers[plugin] = source

    def remove(self, plugin: str) -> None:
        """Remove a plugin with its sources and its provider."""
        self.replace(plugin, ())
        for known in (self._by_plugin, self._providers, self._provided):
            known.pop(plugin, None)

    def replace(self, plugin: str, sources: Iterable[ModelSource]) -> None:
        """Give a plugin other sources. One that stays, which is the same object, keeps its list of models.

        A source with the name of an earlier one is left out: names are how administrators tell sources apart. If it is of
        another plugin, it returns when that one goes.
        """
        kept = {id(one.source): one for one in self._by_plugin.get(plugin, ())}
        names: set[str] = set()
        current: list[CachedSource] = []
        for source in sources:
            if source.name in names:
                self._log_left_out(plugin, source.name, plugin)
                continue
            names.add(source.name)
            found = kept.pop(id(source), None)
            current.append(found or self._cached(plugin, source))
        self._by_plugin[plugin] = current
        for gone in kept.values():
            gone.cancel()
        self._publish()

    async def update(self) -> None:
        """Ask each provider for its sources. One that fails, or takes too long, keeps those it has."""
        for plugin, provider in list(self._providers.items()):
            try:
                sources = await within(PROVIDER_TIMEOUT_SECONDS, provider.current_sources())
                if sources is not self._provided.get(plugin):
                    _check(sources)
            except BaseException as error:  # a plugin's; the other sources must go on
                if not is_failure(error):
                    raise
                if plugin not in self._failing:  # once, not for each request
                    self._failing.add(plugin)
                    kind = type(error).__name__
                    log.warning("sources of a plugin are unknown", plugin=plugin, error=kind)
                    if self._log_failure is not None and not isinstance(error, DomainError):
                        self._log_failure(plugin, "current_sources", error, provider)
                continue
            self._failing.discard(plugin)
            is_provider = self._providers.get(plugin) is provider
            if is_provider and sources is not self._provided.get(plugin):
                self._provided[plugin] = sources
                self.replace(plugin, sources)

    def _cached(self, plugin: str, source: ModelSource) -> CachedSource:
        return CachedSource(plugin, source, self._list_changed, self._log_failure)

    def _publish(self) -> None:
        """Publish the sources, of those with the same name that of the plugin which was registered first."""
        by_name: dict[str, CachedSource] = {}
        left_out = set()
        for one in chain.from_iterable(self._by_plugin.values()):
            first = by_name.setdefault(one.source.name, one)
            if first is not one:
                left_out.add((one.plugin, one.source.name, first.plugin))
        for names in left_out - self._left_out:
            self._log_left_out(*names)
        self._left_out = left_out
        self._all = list(by_name.values())
        self._changed()

    @staticmethod
    def _log_left_out(plugin: str, name: str, holder: str) -> None:
        log.error(
            "two model sources have the same name", plugin=plugin, source=name, belongs_to=holder
        )


def _check(sources: Any) -> None:
    """Raises: TypeError if this is no list of sources."""
    for source in sources:
        if not isinstance(source, ModelSource) or not isinstance(source.name, str):
            raise TypeError(f"it returned {type(source).__name__}; return ModelSource objects")
