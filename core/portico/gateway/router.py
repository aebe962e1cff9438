"""Sends a call to a source of its model."""

from portico.catalogue import SourceResponse
from portico.gateway.call import GatewayCall


class Router:
    """Picks the source of each call."""

    async def send(self, call: GatewayCall) -> SourceResponse:
        """Return the response of the model's source. Raises: all errors of the source."""
        source = call.target.source
        call.source = source.name
        return await source.complete(call.request)
