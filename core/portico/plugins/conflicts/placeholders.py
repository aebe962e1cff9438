"""Routes that are not served: placeholders of which another plugin has a route, and routes that another plugin replaces."""

from collections.abc import Sequence

from portico.plugins.conflicts.replacements import Replacements
from portico.plugins.contributions import Contribution
from portico.plugins.registry import PluginRegistry
from portico.plugins.route_keys import route_key

#: What the placeholders of a plugin are called in `PluginRecord.provides`.
PLACEHOLDERS = "placeholder routes"


def own_paths(contribution: Contribution) -> Sequence[tuple[str, str]]:
    """Return the method and path of each route of a plugin that is no placeholder."""
    return contribution.router.own_paths if contribution.router else ()


def give_way(
    contributions: Sequence[Contribution], registry: PluginRegistry, replacements: Replacements
) -> None:
    """Let placeholders give way to the routes of these plugins, and routes to those that replace them.

    Of two placeholders of the same method and path, that of the first plugin is served. Says in `registry` which plugin
    serves each placeholder. Called again when a plugin fails: its routes no longer displace any.
    """
    routers = [(c.plugin_name, c.router) for c in contributions if c.router]
    serving = {
        key: name
        for name, router in routers
        for key in router.declared_keys
        if key not in replacements.displaced_routes(name)
    }
    for name, router in routers:
        displaced = replacements.displaced_routes(name)
        gone = {one for one in router.declared_paths if route_key(*one) in displaced}
        by_path = {
            one: serving.setdefault(route_key(*one), name)
            for one in sorted(router.placeholders, key=lambda pair: (pair[1], pair[0]))
        }
        router.give_way(frozenset(gone | {one for one, by in by_path.items() if by != name}))
        if by_path:
            registry[name].provides[PLACEHOLDERS] = [
                f"{method} {path}" + ("" if by == name else f" (served by {by})")
                for (method, path), by in by_path.items()
            ]
