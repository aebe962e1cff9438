"""The description of a plugin, `PluginInfo`, and the services it can provide."""

from dataclasses import dataclass
from typing import Any

import msgspec

#: The version of the plugin API. It changes when plugins written for the previous version no longer work.
API = 1


class PluginInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The constant `PLUGIN` of a plugin's module.

    `api_version`: the version of the plugin API that it is written for. `summary`: one sentence for `portico plugin list`.
    `requires`: names of plugins that it needs. `route_prefixes`: prefixes of its paths outside `/api/x/<plugin>/`, such as
    `/api/v1/chats`. `socket_prefixes`: names of socket events that do not begin with `<plugin>:`, and prefixes of such names
    that end in a colon. `disabled_by_default`: True = not loaded unless `plugins.enable` names it.
    `identifies_users`: its auth provider takes the place of passwords; while it has failed although it is configured,
    passwords and sign-up stay closed, since its failure must not open the server.
    `formerly`: names that the plugin had before. Its migrations are recorded under the new name; settings and
    `plugins.disable` entries with an old name are refused with a sentence that contains the new one.
    """

    api_version: int
    summary: str
    requires: tuple[str, ...] = ()
    route_prefixes: tuple[str, ...] = ()
    socket_prefixes: tuple[str, ...] = ()
    disabled_by_default: bool = False
    identifies_users: bool = False
    formerly: tuple[str, ...] = ()


def info_fault(info: PluginInfo) -> str:
    """Return why a description of a plugin cannot be used; empty = it can. Its constructor checks no types."""
    try:
        msgspec.convert(msgspec.structs.asdict(info), PluginInfo)
    except msgspec.ValidationError as error:
        reason, _, field = str(error).partition(" - at `$.")
        return f"PLUGIN = PluginInfo(…) has a wrong {field.rstrip('`') or 'value'}: {reason[:1].lower()}{reason[1:]}"
    for prefix in info.route_prefixes:
        if not prefix.startswith("/"):
            return f"PluginInfo.route_prefixes has {prefix!r}; a path begins with /"
    return ""


@dataclass(frozen=True, slots=True)
class Service:
    """An object that other plugins get by its protocol: `app.services.get(protocol)`."""

    protocol: type[Any]
    instance: Any
