"""Claims: what only one plugin can have in an application, such as a route, a kind of resource or a service."""

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from portico.catalogue.source import ModelSource
from portico.permissions import PackagedPolicy
from portico.plugins.contributions import Contribution
from portico.plugins.route_keys import route_key

T = TypeVar("T")
#: Who has what belongs to no plugin.
CORE: Final = "portico"
ROUTE: Final = "route"
COMMAND: Final = "command"
PLUGIN_NAME: Final = "plugin name"
#: The first word of a key of `plugins.replace`, by the kind of claim. Routes have `METHOD path`. What is not among them
#: begins with the name of its plugin, so no other can have it.
_WORDS: Final = {
    "fallback": "fallback",
    "service": "service",
    "model source": "source",
    "message action": "action",
    "auth provider": "provider",
    "token prefix": "token",
    "resource kind": "kind",
    "policy file": "policy",
    "health check": "health-check",
    "tracer": "tracer",
    "socket event": "socket-event",
    "transfer kind": "transfer-kind",
    "import format": "import-format",
    COMMAND: "command",
    PLUGIN_NAME: "plugin",
}
_KINDS: Final = {word: kind for kind, word in _WORDS.items()}
_ROUTE: Final = re.compile(r"([A-Za-z]+)\s+(/\S*)\Z")
#: The keys of `plugins.replace`, for sentences.
KEYS: Final = ", ".join(["METHOD /path", *(f"{word}:NAME" for word in _KINDS)])


class PluginClaim(NamedTuple):
    """One thing that one plugin has. `path`: of a route, whose `name` is its method; parameters are `{}`."""

    kind: str
    name: str
    path: str = ""

    def __str__(self) -> str:
        return " ".join(str(part) for part in self if part != "")

    @property
    def key(self) -> str:
        """Its key in `plugins.replace`; empty = no other plugin can have it."""
        if self.kind == ROUTE:
            return f"{self.name} {self.path}"
        return f"{_WORDS[self.kind]}:{self.name}" if self.kind in _WORDS else ""


def read_claim(key: str) -> PluginClaim | None:
    """Return the claim that a key of `plugins.replace` names; None if it is no such key."""
    if route := _ROUTE.match(key.strip()):
        method, path = route_key(route[1].upper(), route[2])
        return PluginClaim(ROUTE, method, path.rstrip("/") or "/")
    word, _, name = key.partition(":")
    kind = _KINDS.get(word.strip().lower().replace("_", "-"))
    if kind is None or not name.strip():
        return None
    return PluginClaim(kind, _fallback_name(name.strip()) if kind == "fallback" else name.strip())


def claims_of(contribution: Contribution) -> Iterator[PluginClaim]:
    """Yield what a plugin claims, twice if it registers something twice."""
    router = contribution.router
    keys = router.declared_keys if router else ()
    for method, path in keys:
        yield PluginClaim(ROUTE, method, path)
        # A route for GET answers HEAD too.
        if method == "HEAD" and ("GET", path) not in keys:
            yield PluginClaim(ROUTE, "GET", path)
    for name in router.operation_ids if router else ():
        yield PluginClaim("operation id", name)
    plugin = contribution.plugin_name
    if contribution.tables:
        yield PluginClaim("owner of tables", plugin)
    named: Sequence[tuple[str, Iterable[str]]] = (
        (PLUGIN_NAME, [name for name in contribution.info.formerly if name != plugin]),
        ("fallback", [_fallback_name(one.prefix) for one in contribution.fallbacks]),
        ("service", [service.protocol.__name__ for service in contribution.services]),
        ("model source", source_names(contribution)),
        ("message action", [one.id for one in contribution.message_actions]),
        ("model filter", [f"{plugin}:{one.name}" for one in contribution.model_filters]),
        ("auth provider", [provider.name for provider in contribution.auth_providers]),
        ("token prefix", [reader.prefix for reader in contribution.token_authenticators]),
        ("token kind", [reader.kind for reader in contribution.token_authenticators]),
        ("resource kind", [kind.name for kind in contribution.resources]),
        # An operator overrides a policy file by its name.
        (
            "policy file",
            [p.file_name for p in contribution.policies if isinstance(p, PackagedPolicy)],
        ),
        ("table", table_names(contribution)),
        ("health check", [check.name for check in contribution.health_checks]),
        ("tracer", ["default"] if contribution.tracer else []),
        ("metric", [f"{plugin}_{one.name}" for one in contribution.metrics]),
        ("socket event", [event.name for event in contribution.socket_events]),
        ("task", [task.name for task in contribution.tasks]),
        ("transfer kind", [one.name for one in contribution.transfer_kinds]),
        ("import format", [one.name for one in contribution.import_formats]),
    )
    for kind, names in named:
        for name in names:
            yield PluginClaim(kind, name)


def source_names(contribution: Contribution) -> list[str]:
    """Return the names of the sources that do not change while the server runs."""
    return [source.name for source in contribution.sources if isinstance(source, ModelSource)]


def table_names(contribution: Contribution) -> list[str]:
    """Return the names of a plugin's tables."""
    tables = contribution.tables.tables if contribution.tables else ()
    return [table._meta.tablename for table in tables]


def without(contribution: Contribution, gone: Collection[PluginClaim]) -> Contribution:
    """Return a contribution without what another plugin has in its place. Its routes give way in its router."""
    return _part(contribution, lambda claim: claim not in gone) if gone else contribution


def only(contribution: Contribution, kept: Collection[PluginClaim]) -> Contribution:
    """Return these parts of a contribution, of those that `without` may leave out."""
    return _part(contribution, lambda claim: claim in kept)


def _part(contribution: Contribution, keep: Callable[[PluginClaim], bool]) -> Contribution:
    def left(kind: str, things: tuple[T, ...], name: str) -> tuple[T, ...]:
        return tuple(one for one in things if keep(PluginClaim(kind, getattr(one, name, ""))))

    return dataclasses.replace(
        contribution,
        fallbacks=tuple(
            one
            for one in contribution.fallbacks
            if keep(PluginClaim("fallback", _fallback_name(one.prefix)))
        ),
        services=tuple(
            one
            for one in contribution.services
            if keep(PluginClaim("service", one.protocol.__name__))
        ),
        sources=left("model source", contribution.sources, "name"),
        message_actions=left("message action", contribution.message_actions, "id"),
        auth_providers=left("auth provider", contribution.auth_providers, "name"),
        token_authenticators=left("token prefix", contribution.token_authenticators, "prefix"),
        resources=left("resource kind", contribution.resources, "name"),
        policies=left("policy file", contribution.policies, "file_name"),
        tracer=contribution.tracer if keep(PluginClaim("tracer", "default")) else None,
        health_checks=left("health check", contribution.health_checks, "name"),
        socket_events=left("socket event", contribution.socket_events, "name"),
        transfer_kinds=left("transfer kind", contribution.transfer_kinds, "name"),
        import_formats=left("import format", contribution.import_formats, "name"),
    )


def _fallback_name(prefix: str) -> str:
    return prefix.rstrip("/") + "/"
