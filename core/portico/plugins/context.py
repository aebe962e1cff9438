"""The view of the house that a plugin's hooks are given as `app`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import aiohttp

from portico.catalogue import Catalogue
from portico.encryption import Encryptor
from portico.errors import Unavailable
from portico.events import EventBus
from portico.http_client import SafeHTTPClient
from portico.identity import Identity
from portico.permissions import Permissions, PolicyService
from portico.plugins.info import Service
from portico.rate_limits import RateLimiter
from portico.runtime_settings import RuntimeSettings
from portico.settings.schema import CoreSettings

P = TypeVar("P")


class Services:
    """What plugins offer one another, by protocol."""

    def __init__(self) -> None:
        self._providers: dict[type[Any], tuple[str, Any]] = {}

    def provide(self, plugin: str, service: Service) -> None:
        self._providers[service.protocol] = (plugin, service.instance)

    def remove(self, plugin: str) -> None:
        """Take back all that a plugin offers."""
        self._providers = {p: offer for p, offer in self._providers.items() if offer[0] != plugin}

    def get(self, protocol: type[P]) -> P | None:
        """The provider of a protocol, or None where no active plugin offers it. Ask when you need it."""
        return self._providers[protocol][1] if protocol in self._providers else None

    def require(self, protocol: type[P]) -> P:
        """As `get`. Raises: Unavailable if nobody offers it."""
        provider = self.get(protocol)
        if provider is None:
            raise Unavailable
        return provider


class CommandContext(Protocol):
    """What a command of the command line is given with `click.pass_obj`."""

    def run(
        self, work: "Callable[[AppContext], Awaitable[P]]", *, packaged_policies_only: bool = False
    ) -> P:
        """Open the house, await `work(house)` in it, close it. Returns what the work returns.

        `packaged_policies_only`: without the operator's policy pages, for commands that look at bad ones or mend them.
        """
        ...


@dataclass(frozen=True, slots=True)
class AppContext:
    """Everything of the core that a plugin may use.

    `http()`: the one client session of this process, for addresses that the operator chose. `fetch`: for those that
    anybody else had a hand in. `areas()`: the names of the plugins that have routes.
    """

    settings: CoreSettings
    encryptor: Encryptor
    identity: Identity
    runtime_settings: RuntimeSettings
    permissions: Permissions
    policies: PolicyService
    catalogue: Catalogue
    events: EventBus
    limiter: RateLimiter
    http_session: Callable[[], aiohttp.ClientSession]
    safe_http: SafeHTTPClient
    route_areas: Callable[[], list[str]]
    services: Services = field(default_factory=Services)
