"""The ASGI application. Nothing here knows any plugin."""

from collections.abc import Callable

import structlog
from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

from portico.boot import Application, CannotStart
from portico.boot.plugins import log_plugins
from portico.plugins.overview import described_plugins, plugins_by_module
from portico.plugins.registry import FaultKind
from portico.settings.load import LoadedSettings
from portico.settings.section import Secret
from portico.sockets import is_socket_path
from portico.web.application import web_application
from portico.web.fallback import FallbackDispatcher
from portico.web.health import schema_check
from portico.web.lifespan import lifespan
from portico.web.loop_watch import LoopWatch
from portico.web.middleware.base_path import BasePath
from portico.web.middleware.head_requests import HeadRequests, serve_head
from portico.web.middleware.observed_requests import ObservedRequests
from portico.web.middleware.outer import OuterMiddleware
from portico.web.middleware.traced_requests import TracedRequests

__all__ = [
    "CannotStart",
    "Portico",
]

log = structlog.get_logger("portico")


class Portico:
    """An ASGI callable that starts its application on `lifespan.startup` and stops it on `lifespan.shutdown`.

    `secret` signs sessions. `on_doing` is told what the start is doing.
    """

    def __init__(
        self,
        loaded: LoadedSettings,
        secret: Secret | None = None,
        *,
        on_doing: Callable[[str], None] | None = None,
    ) -> None:
        application = self.application = Application(loaded, secret, routes=True, on_doing=on_doing)
        self.counters = application.counters
        self._loop_watch = LoopWatch(
            application.settings.server.loop_limit,
            self.counters,
            lambda: plugins_by_module(application.registry, application.manager),
            OuterMiddleware.__call__.__code__,
            lambda: application.tasks.types,
        )
        self._serve: ASGIApp | None = None
        #: The routes of the core and of all plugins, while the application runs.
        self.routes: Litestar | None = None

    async def start(self) -> None:
        """Start the application and build the routes of all plugins. Raises: CannotStart."""
        application = self.application
        await application.start()
        self._serve = self._build_routes()
        application.check_required_plugins()
        self._loop_watch.start()
        application.doing = "opening its port"
        with application.database.use():
            application.policies.report_rejected()
        log_plugins(application.registry, application.contributions)

    async def check_start(self, *, packaged_policies_only: bool = False) -> list[str]:
        """Do what `start` does, as far as plugins take part in it. Return why policy files would be rejected.

        For `portico plugin list`, on a copy of the database. `packaged_policies_only`: without the operator's policy
        files. Raises: CannotStart.
        """
        application = self.application
        await application.start_plugins(on_copy=True, packaged_policies_only=packaged_policies_only)
        self._build_routes()
        application.check_required_plugins()
        return list(application.policies.rejected)

    async def stop(self) -> None:
        """Stop serving, then stop the application."""
        self._serve = self.routes = None
        self._loop_watch.stop()
        await self.application.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Called by the ASGI server."""
        if scope["type"] == "lifespan":  # type: ignore[comparison-overlap]
            await lifespan(self.start, self.stop, receive, send)
        elif self._serve is None:
            raise RuntimeError("the application has not been started")
        elif scope.get("method") == "HEAD":
            await serve_head(self._serve, scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    def _build_routes(self) -> ASGIApp:
        """Return the routes of all plugins behind the middleware. A plugin whose routes are invalid fails."""
        app = self.application
        routes = self.routes = app.retry_without_failing_plugins(
            "its routes",
            lambda contributions: web_application(
                app.settings,
                app.identity,
                app.permissions,
                app.origins,
                app.drain,
                limiter=app.limiter,
                routers=[c.router for c in contributions if c.router is not None],
                checks=[
                    *schema_check(app.unknown_steps),
                    *(
                        (c.plugin_name, app.isolation.health_check(c.plugin_name, check))
                        for c in contributions
                        for check in c.health_checks
                    ),
                ],
                redis=app.redis,
                database=app.instance.probe,
                faults=app.registry.public_faults,
                counters=self.counters,
                plugins=lambda: described_plugins(app.registry, self.counters),
            ),
            Exception,  # the web framework raises what annotations of handlers raise
            FaultKind.ROUTES,
            lambda contribution: contribution.router and contribution.router.faulty_item(),
        )

        fallbacks = [(c.plugin_name, one) for c in app.contributions for one in c.fallbacks]
        responses: ASGIApp = routes
        if fallbacks:
            paths = [route.path for route in routes.routes]
            responses = FallbackDispatcher(routes, paths, fallbacks, app.counters)

        heads = HeadRequests(routes, responses)

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            inner: ASGIApp = responses
            if is_socket_path(scope["path"]):
                inner = app.sockets
            elif scope.get("method") == "HEAD":
                inner = heads
            await inner(scope, receive, send)

        outer = OuterMiddleware(
            serve, app.database, app.settings, app.proxies, app.origins, counters=self.counters
        )
        base_path = app.settings.server.base_path
        served: ASGIApp = BasePath(outer, base_path) if base_path else outer
        observers = [(c.plugin_name, one) for c in app.contributions for one in c.request_observers]
        if observers:
            served = ObservedRequests(served, observers, app.isolation.log_failure)
        return served if app.tracing.tracer is None else TracedRequests(served, app.tracing)
