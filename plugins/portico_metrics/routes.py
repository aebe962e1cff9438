"""The route `/metrics`."""

from portico.api.web import NO_STORE, Controller, JSONResponse, Request, get
from portico_metrics.access import PATH
from portico_metrics.components import MetricsPlugin


class MetricsRoutes(Controller):
    """The figures of this server."""

    plugin: MetricsPlugin

    @get(PATH, access="public", response_type=str)
    async def metrics(self, request: Request) -> JSONResponse:
        """Return the figures of this server in the format of Prometheus, or of OpenMetrics: of all its processes together.

        404 for callers outside of the networks in `metrics.allow` who are not administrators.
        """
        await self.plugin.access.check(request)
        body, content_type = await self.plugin.figures.text(request.headers.get("accept", ""))
        return JSONResponse(body, headers=(NO_STORE,), content_type=content_type)
