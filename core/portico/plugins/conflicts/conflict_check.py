"""Detects conflicts between the contributions of plugins. A plugin with a conflict fails whole."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from portico.identity import SESSION_CREDENTIAL, SESSION_TOKEN_HEADER
from portico.permissions import BASE_POLICY
from portico.plugins.conflicts.claims import (
    CORE,
    PLUGIN_NAME,
    PluginClaim,
    claims_of,
)
from portico.plugins.conflicts.namespace import outside_namespace
from portico.plugins.conflicts.replacements import Replacements
from portico.plugins.contributions import Contribution
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.plugins.registry import FaultKind, PluginRegistry
from portico.sockets import OWN_EVENTS


def drop_conflicts(
    contributions: Sequence[Contribution],
    registry: PluginRegistry,
    core_claims: Iterable[PluginClaim],
    replacements: Replacements,
    isolation: PluginIsolation,
    *,
    routes: bool,
    commands: Callable[[str], Collection[str]],
) -> list[Contribution]:
    """Return the contributions without conflicts. Of two plugins in conflict, the later one fails.

    The core comes before all plugins, built-ins before plugins of other distributions, and a plugin before those that
    require it. Placeholders are in no conflict: they give way to the routes of those that are kept (`describe_all`). Where the operator
    says that a plugin replaces what another one has (`replacements`), that part of the other gives way, and the rest of
    it stays. The failures are in `registry`, those of the setting in `replacements`. `routes`: theirs are known.
    `commands(plugin)` returns the names of the commands of a loaded plugin.
    """
    taken = {
        PluginClaim("policy file", BASE_POLICY.file_name): CORE,
        PluginClaim("token prefix", SESSION_TOKEN_HEADER): CORE,
        PluginClaim("token kind", SESSION_CREDENTIAL): CORE,
        **{PluginClaim("socket event", name): CORE for name in OWN_EVENTS},
        **{PluginClaim(PLUGIN_NAME, record.name): record.name for record in registry},
        **dict.fromkeys(core_claims, CORE),
    }
    claims: dict[str, list[PluginClaim]] = {}
    for contribution in contributions:
        name = contribution.plugin_name
        try:
            found: list[PluginClaim] = isolation.call(
                name,
                "reading the names of what it registers",
                partial(list, claims_of(contribution)),
            )
        except PluginError as error:
            registry[name].fail(error.reason, error.trace, kind=error.kind, at=error.at)
        else:
            claims[name] = found
    readable = [one for one in contributions if one.plugin_name in claims]
    replacements.check(claims, taken, registry, routes=routes, commands=commands)
    kept, reasons = _keep(readable, claims, taken, replacements)
    # A plugin that fails replaces nothing, so that what it would have replaced stays where it was.
    while replacements.forget(reasons):
        kept, reasons = _keep(readable, claims, taken, replacements)
    for name, (kind, reason) in reasons.items():
        registry[name].fail(reason, kind=kind)
    return replacements.divide(kept, claims)


def _keep(
    contributions: Sequence[Contribution],
    claims: Mapping[str, Sequence[PluginClaim]],
    taken: Mapping[PluginClaim, str],
    replacements: Replacements,
) -> tuple[list[Contribution], dict[str, tuple[FaultKind, str]]]:
    """Return the plugins without conflicts, and the kinds of fault of the others with the reasons, by name."""
    holders, names = dict(taken), set[str]()
    kept: list[Contribution] = []
    reasons: dict[str, tuple[FaultKind, str]] = {}
    for contribution in contributions:
        plugin = contribution.plugin_name
        own = [one for one in claims[plugin] if replacements.winner(one, claims) in ("", plugin)]
        if reason := outside_namespace(contribution) or _conflict(plugin, own, holders):
            reasons[plugin] = FaultKind.CONFLICT, reason
            continue
        if reason := _missing_requirement(contribution, names):
            reasons[plugin] = FaultKind.REQUIREMENT, reason
            continue
        holders.update(dict.fromkeys(own, plugin))
        names.add(plugin)
        kept.append(contribution)
    return kept, reasons


def _conflict(plugin: str, own: Iterable[PluginClaim], holders: Mapping[PluginClaim, str]) -> str:
    """Return the first conflict of a plugin, as a reason; empty = there is none."""
    seen: set[PluginClaim] = set()
    for claim in own:
        if claim in seen:
            return f"it registers {claim} twice"
        seen.add(claim)
        if claim in holders:
            return f"{claim} belongs to {holders[claim]!r} already; {_way_out(claim, plugin, holders[claim])}"
        if claim.kind == "token prefix":
            prefixes = {one.name: of for one, of in holders.items() if one.kind == "token prefix"}
            for prefix, holder in prefixes.items():
                if prefix.startswith(claim.name) or claim.name.startswith(prefix):
                    return (
                        f"token prefix {claim.name!r} overlaps {prefix!r}, which belongs to {holder!r} already; "
                        "choose one that begins differently"
                    )
    return ""


def _way_out(claim: PluginClaim, plugin: str, holder: str) -> str:
    """Return what to do about a conflict, as the end of a sentence."""
    if holder == CORE:
        return "nothing can replace what the core has, so choose another"
    if not claim.key or claim.kind == PLUGIN_NAME:
        return "choose another"
    return (
        f'choose another, or set [plugins] replace = {{"{claim.key}" = "{plugin}"}} to replace it'
    )


def _missing_requirement(contribution: Contribution, valid: set[str]) -> str:
    missing = [name for name in contribution.info.requires if name not in valid]
    return f"it requires {', '.join(map(repr, missing))}, which has failed" if missing else ""
