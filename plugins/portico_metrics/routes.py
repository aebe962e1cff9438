"""The route `/metrics`."""

import asyncio

from portico.api.web import NO_STORE, Controller, JSONResponse, Request, get
from portico_metrics.access import PATH, MetricsAccess


class MetricsRoutes(Controller):
    """The figures of this process."""

    plugin: MetricsAccess

    @get(PATH, access="public", response_type=str)
    async def metrics(self, request: Request) -> JSONResponse:
        """Return the figures of this process in the text format of Prometheus.

        404 for callers outside of the networks in `metrics.allow` who are not administrators.
        """
        await self.plugin.check(request)
        readings = await self.plugin.app.read_metrics()
        # In a thread: the first call imports the library.
        body, content_type = await asyncio.to_thread(_exposition, readings)
        return JSONResponse(body, headers=(NO_STORE,), content_type=content_type)


def _exposition(readings: object) -> tuple[bytes, bytes]:
    from portico_metrics.exposition import CONTENT_TYPE, exposition

    return exposition(readings), CONTENT_TYPE  # type: ignore[arg-type]
