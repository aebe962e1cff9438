"""What a plugin says about itself, and the things it can bring that belong to no room in particular."""

from dataclasses import dataclass
from typing import Any

import msgspec

#: The plugin API's major number. It changes when a plugin written for the old one would no longer work.
API = 1


class PluginInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The constant `PLUGIN` of a plugin's module.

    `api`: the plugin API it was written for. `requires`: names of plugins it cannot do without.
    `claims`: path prefixes of its routes outside `/api/x/<plugin>/`, such as `/api/v1/chats`.
    `optional`: True = off until `plugins.enable` names it.
    `formerly`: names that the plugin had before. Its migrations are recorded under the new name; settings and
    `plugins.disable` entries with an old name are refused with a sentence that contains the new one.
    """

    api_version: int
    summary: str
    requires: tuple[str, ...] = ()
    route_prefixes: tuple[str, ...] = ()
    disabled_by_default: bool = False
    formerly: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """An object other plugins may ask for by its protocol: `app.services.get(protocol)`."""

    protocol: type[Any]
    instance: Any
