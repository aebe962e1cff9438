"""Placeholders: routes that are served only while no other plugin has a route of the same method and path."""

from collections.abc import Sequence

from portico.plugins.contributions import Contribution
from portico.plugins.registry import PluginRegistry
from portico.plugins.route_keys import route_key


def own_paths(contribution: Contribution) -> Sequence[tuple[str, str]]:
    """Return the method and path of each route of a plugin that is no placeholder."""
    return contribution.router.own_paths if contribution.router else ()


def own_keys(contribution: Contribution) -> Sequence[tuple[str, str]]:
    """As `own_paths`, but `route_key` of each."""
    return contribution.router.own_keys if contribution.router else ()


def resolve_placeholders(contributions: Sequence[Contribution], registry: PluginRegistry) -> None:
    """Let placeholders give way to the routes of these plugins. Say in `registry` which plugin serves each of them.

    Of two placeholders of the same method and path, that of the first plugin is served. Called again when a plugin
    fails: its routes no longer displace any.
    """
    with_placeholders = [c for c in contributions if c.router and c.router.placeholders]
    if not with_placeholders:
        return
    serving = {key: c.plugin_name for c in contributions for key in own_keys(c)}
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
