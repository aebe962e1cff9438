"""Placeholders: routes that are served only while no other plugin has a route of the same method and path."""

import re
from collections.abc import Sequence

from portico.plugins.contributions import Contribution
from portico.plugins.registry import PluginRegistry

_PARAMETER = re.compile(r"\{\w+\}")


def route_key(method: str, path: str) -> tuple[str, str]:
    """Return what two routes have in common that are the same route: they may differ in the type of a parameter."""
    return method, _PARAMETER.sub("{}", path)


def own_paths(contribution: Contribution) -> list[tuple[str, str]]:
    """Return the method and path of each route of a plugin that is no placeholder."""
    router = contribution.router
    return [one for one in router.paths if one not in router.placeholders] if router else []


def resolve_placeholders(contributions: Sequence[Contribution], registry: PluginRegistry) -> None:
    """Let placeholders give way to the routes of these plugins. Say in `registry` which plugin serves each of them.

    Of two placeholders of the same method and path, that of the first plugin is served. Called again when a plugin
    fails: its routes no longer displace any.
    """
    with_placeholders = [c for c in contributions if c.router and c.router.placeholders]
    if not with_placeholders:
        return
    serving = {route_key(*one): c.plugin_name for c in contributions for one in own_paths(c)}
    for contribution in with_placeholders:
        name, router = contribution.plugin_name, contribution.router
        assert router is not None
        by_path = {
            one: serving.setdefault(route_key(*one), name)
            for one in sorted(router.placeholders, key=lambda pair: (pair[1], pair[0]))
        }
        router.give_way(frozenset(one for one, by in by_path.items() if by != name))
        registry[name].provides["placeholder routes"] = [
            f"{method} {path}" + ("" if by == name else f" (served by {by})")
            for (method, path), by in by_path.items()
        ]
