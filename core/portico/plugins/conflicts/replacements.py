"""Which plugins replace what others have, as the operator says in `plugins.replace`."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from portico.plugins.conflicts.claims import (
    COMMAND,
    CORE,
    KEYS,
    PLUGIN_NAME,
    ROUTE,
    PluginClaim,
    only,
    read_claim,
    without,
)
from portico.plugins.contributions import Contribution
from portico.plugins.registry import PluginRegistry, PluginState

#: Kinds that only processes with routes know.
_OF_ROUTES = {ROUTE, "fallback"}


@dataclass(frozen=True, slots=True)
class Restored:
    """A plugin that has something again, since what replaced it has failed. `parts`: only what it has again."""

    contribution: Contribution
    parts: Contribution


class Replacements:
    """The replacements of one application.

    `configured`: plugins by key, as in the settings; for `plugin:NAME`, the distribution of the plugin to load.
    """

    def __init__(self, configured: Mapping[str, str]) -> None:
        #: What is wrong with the setting, one sentence each.
        self.faults: list[str] = []
        self._configured: dict[PluginClaim, tuple[str, str]] = {}
        self._complete: dict[str, Contribution] = {}
        self._gone: dict[str, dict[PluginClaim, str]] = {}
        for key, plugin in configured.items():
            claim = read_claim(key)
            if claim is None:
                self._refuse(key, f"there is no such key; keys are {KEYS}")
            elif claim in self._configured:
                self._refuse(key, f"{claim} is also named as {self._configured[claim][0]!r}")
            else:
                self._configured[claim] = key, plugin
        self._wanted = {claim: plugin for claim, (_, plugin) in self._configured.items()}

    def distribution(self, plugin: str) -> str:
        """Return the distribution whose plugin of this name is loaded; empty = the operator chose none."""
        return self._wanted.get(PluginClaim(PLUGIN_NAME, plugin), "")

    def check_distributions(self, installed: Mapping[str, Sequence[str]]) -> None:
        """Add faults of the keys `plugin:NAME`. `installed`: the distributions that have a plugin of each name."""
        for claim, (key, distribution) in self._configured.items():
            if claim.kind != PLUGIN_NAME:
                continue
            known = installed.get(claim.name, ())
            if distribution not in known:
                named = ", ".join(known) or "no distribution"
                self._refuse(
                    key,
                    f"the distribution {distribution!r} has no plugin of this name; {named} has one",
                )

    def check(
        self,
        claims: Mapping[str, Sequence[PluginClaim]],
        taken: Mapping[PluginClaim, str],
        registry: PluginRegistry,
        *,
        routes: bool,
        commands: Callable[[str], Collection[str]],
    ) -> None:
        """Add faults of all other keys. `claims`: of all plugins that are loaded. `routes`: theirs are known.

        `commands(plugin)` returns the names of the commands of a loaded plugin.
        """
        for claim, (key, plugin) in self._configured.items():
            if claim.kind == PLUGIN_NAME:
                continue
            if plugin not in registry:
                installed = ", ".join(sorted(registry.names))
                self._refuse(
                    key, f"no plugin named {plugin!r} is installed; installed are {installed}"
                )
            elif taken.get(claim) == CORE:
                self._refuse(key, f"{claim} belongs to the core, and nothing can replace it")
            elif plugin not in claims or (claim.kind in _OF_ROUTES and not routes):
                continue  # not known in this process
            else:
                known = claims[plugin]
                if claim.kind == COMMAND:
                    known = [PluginClaim(COMMAND, name) for name in commands(plugin)]
                if claim in known:
                    continue
                own = [str(one) for one in known if one.kind == claim.kind]
                has = f"; it has {', '.join(own[:10])}" if own else ""
                self._refuse(key, f"plugin {plugin!r} has no {claim}{has}")

    def _refuse(self, key: str, reason: str) -> None:
        self.faults.append(f'plugins.replace: "{key}": {reason}')

    def winner(self, claim: PluginClaim, claims: Mapping[str, Sequence[PluginClaim]]) -> str:
        """Return the plugin that has this by the operator's choice; empty = the first one that claims it."""
        plugin = self._wanted.get(claim, "")
        return plugin if plugin and claim in claims.get(plugin, ()) else ""

    def chosen(self, kind: str, name: str) -> str:
        """Return the plugin that the operator chose for this; empty = none."""
        return self._wanted.get(PluginClaim(kind, name), "")

    def forget(self, failed: Iterable[str]) -> bool:
        """Have these plugins replace nothing. Return whether they did."""
        names = set(failed)
        kept = {claim: plugin for claim, plugin in self._wanted.items() if plugin not in names}
        changed = len(kept) < len(self._wanted)
        self._wanted = kept
        return changed

    def divide(
        self, contributions: Iterable[Contribution], claims: Mapping[str, Sequence[PluginClaim]]
    ) -> list[Contribution]:
        """Return the contributions, each without what another plugin has in its place."""
        left = []
        for one in contributions:
            plugin = one.plugin_name
            winners = {claim: self.winner(claim, claims) for claim in claims[plugin]}
            gone = {claim: by for claim, by in winners.items() if by not in ("", plugin)}
            if gone:
                self._complete[plugin], self._gone[plugin] = one, gone
            left.append(without(one, gone))
        return left

    def restore(self, failed: str, contributions: Iterable[Contribution]) -> dict[str, Restored]:
        """Give back what a plugin replaced that has failed since. Return the plugins that have something again, by name."""
        self.forget([failed])
        self._gone.pop(failed, None)
        active = {one.plugin_name for one in contributions}
        found = {}
        for plugin, gone in list(self._gone.items()):
            left = {claim: by for claim, by in gone.items() if by != failed}
            if plugin not in active or len(left) == len(gone):
                continue
            self._gone[plugin] = left
            complete = self._complete[plugin]
            found[plugin] = Restored(
                without(complete, left), only(complete, gone.keys() - left.keys())
            )
        return found

    def displaced_routes(self, plugin: str) -> set[tuple[str, str]]:
        """Return the keys (`route_key`) of the routes of a plugin that another one has in their place."""
        return {(one.name, one.path) for one in self._gone.get(plugin, {}) if one.kind == ROUTE}

    def say(self, registry: PluginRegistry) -> None:
        """Say in `registry` who has what in the place of whom."""
        for record in registry:
            if record.state is not PluginState.ACTIVE:
                continue
            gone = self._gone.get(record.name, {})
            has = [
                f"{claim} (of {loser})"
                for loser, claims in self._gone.items()
                for claim, by in claims.items()
                if by == record.name
            ]
            lists = {
                "replaces": sorted(has),
                "replaced": sorted(f"{claim} (by {by})" for claim, by in gone.items()),
            }
            for title, things in lists.items():
                record.provides.pop(title, None)
                if things:
                    record.provides[title] = things
