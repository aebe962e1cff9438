"""The application context: the core services that the hooks of plugins are given as `app`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from portico.catalogue import Catalogue
from portico.encryption import Encryptor
from portico.errors import Unavailable
from portico.events import EventBus
from portico.gateway import Gateway
from portico.http_client import OutgoingHTTP, SafeHTTPClient
from portico.identity import Identity
from portico.instances import InstanceChannel
from portico.metrics import MetricReading
from portico.permissions import Permissions, PolicyService
from portico.plugins.info import Service
from portico.rate_limits import RateLimiter
from portico.runtime_settings import RuntimeSettings, SettingsChanges
from portico.settings.schema import CoreSettings
from portico.sockets import Sockets
from portico.tasks import Tasks
from portico.transfer import ImportFormat, TransferKind
from portico.web.drain import Drain

if TYPE_CHECKING:
    import aiohttp

P = TypeVar("P")


class Services:
    """Objects that plugins provide for each other, by protocol."""

    def __init__(self) -> None:
        self._providers: dict[type[Any], tuple[str, Any]] = {}

    def provide(self, plugin: str, service: Service) -> None:
        """Add a service of this plugin. A second one of the same protocol replaces the first."""
        self._providers[service.protocol] = (plugin, service.instance)

    def remove(self, plugin: str) -> None:
        """Remove all services of this plugin."""
        self._providers = {p: one for p, one in self._providers.items() if one[0] != plugin}

    def get(self, protocol: type[P]) -> P | None:
        """Return the service of this protocol, or None if no active plugin provides it. Do not store it."""
        return self._providers[protocol][1] if protocol in self._providers else None

    def require(self, protocol: type[P]) -> P:
        """As `get`. Raises: Unavailable if no active plugin provides it."""
        service = self.get(protocol)
        if service is None:
            raise Unavailable
        return service


class CommandContext(Protocol):
    """The object that a plugin's commands receive through `click.pass_obj`.

    `settings`: the plugin's own settings. `plugin`: what its `register_components` returned.
    """

    @property
    def settings(self) -> Any: ...

    @property
    def plugin(self) -> Any: ...

    def run(
        self,
        work: "Callable[[AppContext], Awaitable[P]]",
        *,
        packaged_policies_only: bool = False,
        as_served: bool = False,
        claims_keys: bool = False,
    ) -> P:
        """Start the core services, await `work(app)`, stop them. Return the result of `work`.

        `packaged_policies_only`: ignore the operator's policy files, for commands that check or correct invalid ones.
        `as_served`: without the plugins that fail when serving, which are found by a start on a copy and are printed.
        `claims_keys`: the configured keys become those of the database, for a command that encrypts what it stores.
        """
        ...


@dataclass(frozen=True, slots=True)
class AppContext:
    """The core services that a plugin may use.

    `http` sends requests to addresses that the operator or an administrator chose; `http_session()` returns its session.
    `safe_http` fetches addresses that users or other servers choose. `route_areas()` returns the names of the plugins that
    have routes. `installed_plugins()` returns all installed plugins, as `GET /api/v1/plugins` lists them. `read_metrics()`
    returns the figures of the core and of all plugins. `instance_channel` sends messages to the other instances; topics
    begin with the plugin's name. `transfer_kinds()` returns what the active plugins export and import, in the order of an
    import, and `import_formats()` the formats that they read. `drain` ends work that lasts when the process is asked to stop.
    """

    settings: CoreSettings
    encryptor: Encryptor
    identity: Identity
    runtime_settings: RuntimeSettings
    settings_changes: SettingsChanges
    permissions: Permissions
    policies: PolicyService
    catalogue: Catalogue
    gateway: Gateway
    events: EventBus
    limiter: RateLimiter
    sockets: Sockets
    tasks: Tasks
    http: OutgoingHTTP
    http_session: Callable[[], "aiohttp.ClientSession"]
    safe_http: SafeHTTPClient
    route_areas: Callable[[], list[str]]
    installed_plugins: Callable[[], list[dict[str, Any]]]
    read_metrics: Callable[[], Awaitable[list[MetricReading]]]
    instance_channel: InstanceChannel
    transfer_kinds: Callable[[], list[TransferKind]]
    import_formats: Callable[[], list[ImportFormat]]
    drain: Drain
    services: Services = field(default_factory=Services)
