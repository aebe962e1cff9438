"""Who may read the figures: monitoring in the operator's networks, and whom the policies allow."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from portico.api import AppContext, DomainError, NotFound
from portico.api.auth import client_address, is_client_known
from portico_metrics.settings import MetricsSettings

if TYPE_CHECKING:  # commands build these objects, too, and do without the web framework
    from portico.api.web import Request

PATH = "/metrics"
_PLUGIN = "metrics"
#: What every path without a route is answered, so that other callers do not learn that there is a route.
_UNKNOWN_PATH = "Not Found"


class MetricsAccess:
    """Checks callers. Raises: ValueError for an entry of `metrics.allow` that is no address or network."""

    def __init__(self, app: AppContext, settings: MetricsSettings) -> None:
        self._app = app
        self._networks = [_network(text) for text in settings.allow]

    async def check(self, request: Request) -> None:
        """Raises: NotFound unless the caller may read the figures."""
        if not self._is_monitoring(request) and not await self._may_read(request):
            raise NotFound(_UNKNOWN_PATH)

    def _is_monitoring(self, request: Request) -> bool:
        try:
            found = ip_address(client_address(request.scope))
        except ValueError:
            return False
        # The proxies may be in the network of the monitoring.
        return is_client_known(request.scope) and any(
            found in network for network in self._networks
        )

    async def _may_read(self, request: Request) -> bool:
        """Return whether the caller is an administrator, or someone else whom a policy rule allows it."""
        try:
            actor = await self._app.identity.auth.identify(request.scope)
        except DomainError:
            return False
        if actor.scope is not None and not actor.scope.allows(PATH, _PLUGIN, reads=True):
            return False
        return await self._app.permissions.allows_on_collection(actor, _PLUGIN, "read")


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(
            f"metrics.allow: {text!r} is not an address or network; write it like 10.0.0.0/24"
        ) from None
