"""The application: from settings to a house that serves. Nothing here knows any plugin.

    settings → discover → admit → collect → assemble → migrate → policies → startup → Litestar

Every step that touches a plugin is fenced: one that fails is set aside whole, with its reason, and the rest goes
on; unless it is required, in which case the house does not open.
"""

import contextlib
import secrets
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pluggy
import structlog
from litestar.exceptions import ImproperlyConfiguredException
from litestar.types import ASGIApp, Receive, Scope, Send

from portico.catalogue import Catalogue, WorkspaceModels
from portico.db import (
    Database,
    DatabaseCheck,
    EncryptedColumn,
    Retention,
    all_checks,
    open_database,
)
from portico.encryption import Encryptor, check_encryption_key, configured_key_ring, stored_key_id
from portico.errors import OperatorError
from portico.events import EventBus
from portico.http_client import SafeHTTPClient, SharedSession
from portico.identity import Identity, PasswordRule
from portico.identity.accounts.email_keys import fill_email_keys, warn_of_collisions
from portico.identity.secret_key_check import check_secret_key
from portico.instances import OwnInstance
from portico.loading import announce, load_plugins
from portico.opening import CORE_TABLES, CannotStart, open_schema, start_database
from portico.permissions import InvalidPolicy, Permissions, PolicyService
from portico.plugins import isolation
from portico.plugins.conflicts import plugins_that_block_start
from portico.plugins.context import AppContext
from portico.plugins.contributions import Contribution, hook_of
from portico.plugins.loader import new_manager
from portico.plugins.overview import described_plugins, plugins_by_module
from portico.plugins.registry import PluginRegistry
from portico.rate_limits import RateLimiter
from portico.redis import RedisConnection
from portico.retention import Cleaner
from portico.runtime_settings import RuntimeSettings, SettingsStore
from portico.settings.load import LoadedSettings
from portico.settings.secret_key import ensure_secret_key
from portico.settings.section import Secret
from portico.web.application import web_application
from portico.web.counters import Counters
from portico.web.drain import Drain
from portico.web.health import schema_check
from portico.web.lifespan import lifespan
from portico.web.loop_watch import LoopWatch
from portico.web.middleware.origins import Origins
from portico.web.middleware.outer import OuterMiddleware
from portico.web.middleware.proxies import Proxies

Result = TypeVar("Result")
log = structlog.get_logger("portico")
#: What a start is doing while the schema changes, which may take its time.
MIGRATING = "bringing the schema up to date"


class Portico:
    """One application: an ASGI callable that opens the house on `lifespan.startup` and closes it on shutdown.

    Making one imports the chosen plugins and asks what they bring; it opens no connection and writes nothing.
    `secret` signs sessions; a command line that signs none goes without.
    """

    def __init__(self, loaded: LoadedSettings, secret: Secret | None = None) -> None:
        settings = loaded.settings
        self.loaded, self.settings, self._secret = loaded, settings, secret
        #: What the start is doing, in a few words, for whoever waits for it.
        self.doing = "loading its plugins"
        data_dir = Path(settings.data_dir).absolute()
        self.database: Database = open_database(settings.database, data_dir)
        self.instance = OwnInstance()
        self.cleaner = Cleaner()
        self.events = EventBus(isolation.deliver_event, isolation.run_in_transaction)
        self.drain = Drain(settings.server.grace)
        self.proxies = Proxies(settings.server.trusted_proxies)
        self.origins = Origins(
            settings.server.url, settings.browser.origins, settings.browser.schemes
        )
        self.redis = RedisConnection(settings.redis)
        signing = secret or Secret(secrets.token_urlsafe(48))
        self.configuration = SettingsStore(self.events, settings.identity.recheck)
        self.encryptor = Encryptor(
            lambda: configured_key_ring(
                settings.identity, secret or ensure_secret_key(settings, data_dir)
            )
        )
        self.limiter = RateLimiter(settings.limits, signing, self.redis)
        self.adjustments = RuntimeSettings(self.configuration)
        self.adjustments.add(settings.server, loaded.explicitly_set("server"))
        self.identity = Identity(
            settings.identity,
            signing,
            self.events,
            settings.permissions,
            store=self.configuration,
            runtime_settings=self.adjustments,
            limiter=self.limiter,
            pinned=loaded.explicitly_set("identity"),
            redis=self.redis,
            pinned_permissions=loaded.explicitly_set("permissions"),
            secure_cookies=settings.server.secure_cookies or settings.server.force_https,
            cookie_same_site=settings.server.cookie_same_site,
        )
        # Half the time for which a membership is trusted: what stands on it must be right within the second too.
        moment = settings.identity.recheck / 2
        self.permissions = Permissions(settings.access, self.identity.permissions_of, moment)
        directory = settings.access.policy_dir
        self.policies = PolicyService(
            self.permissions, Path(directory).absolute() if directory else None
        )
        self.catalogue = Catalogue(
            settings.catalogue,
            self.permissions,
            self.identity.accounts,
            self.identity.groups,
            moment,
        )
        self.fetch = SafeHTTPClient(settings.fetch)
        self.client = SharedSession()
        self.context = AppContext(
            settings=settings,
            encryptor=self.encryptor,
            identity=self.identity,
            runtime_settings=self.adjustments,
            route_areas=self._route_areas,
            permissions=self.permissions,
            policies=self.policies,
            catalogue=self.catalogue,
            events=self.events,
            limiter=self.limiter,
            http_session=self.client.session,
            safe_http=self.fetch,
        )
        self.register = PluginRegistry()
        self.manager: pluggy.PluginManager = new_manager()
        self.contributions = load_plugins(loaded, self.register, self.manager, self.context)
        self.counters = Counters()
        self._loop_watch = LoopWatch(
            settings.server.loop_limit,
            self.counters,
            lambda: plugins_by_module(self.register, self.manager),
            OuterMiddleware.__call__.__code__,
        )
        self._started: list[Contribution] = []
        self._serve: ASGIApp | None = None
        self._unknown_steps: dict[str, list[str]] = {}

    # -- making ---------------------------------------------------------------------------------------------

    def check_required_plugins(self) -> None:
        """Raises: CannotStart if a plugin that the operator relies on is not active."""
        choice = self.settings.plugins
        if missing := plugins_that_block_start(self.register, choice.required, choice.strict):
            raise CannotStart(
                [f"plugin {r.name!r} is needed and {r.state}: {r.reason}" for r in missing]
            )

    def _route_areas(self) -> list[str]:
        return sorted(one.plugin_name for one in self.contributions if one.router is not None)

    @property
    def table_sets(self) -> dict[str, Any]:
        """The migrations of the core's rooms and of each plugin, in the order in which they run."""
        return CORE_TABLES | {c.plugin_name: c.tables for c in self.contributions if c.tables}

    @property
    def encrypted_columns(self) -> list[EncryptedColumn]:
        """Where texts are kept that the vault has locked."""
        return [column for tables in self.table_sets.values() for column in tables.locked]

    @property
    def retentions(self) -> list[Retention]:
        """How long rows are kept, of the core and of each plugin."""
        trail = Retention("portico_audit", "at", self.settings.retention.audit_days)
        return [trail, *(one for c in self.contributions for one in c.retention)]

    async def database_checks(self, behind: Container[str] = ()) -> list[DatabaseCheck]:
        """What `portico db check` looks at, in the database in use.

        `behind`: owners of tables whose schema is not up to date; of theirs only foreign keys are looked at.
        """
        declared = [
            one
            for owner, tables in self.table_sets.items()
            if owner not in behind
            for one in tables.references
        ]
        brought = [
            check
            for c in self.contributions
            if c.plugin_name not in behind
            for check in c.database_checks
        ]
        return await all_checks(declared, brought)

    def _fail_plugin(self, plugin: str, reason: str, trace: str = "") -> None:
        """Drop a plugin whole, with all it brought so far, and whoever requires it."""
        self.register[plugin].fail(reason, trace)
        for contribution in self.contributions:
            if contribution.plugin_name == plugin:
                self.identity.auth.remove_providers(
                    contribution.auth_providers, contribution.token_authenticators
                )
        self.contributions = [c for c in self.contributions if c.plugin_name != plugin]
        self.context.services.remove(plugin)
        self.events.unsubscribe(plugin)
        self.catalogue.remove_sources(plugin)
        for dependent in [c for c in self.contributions if plugin in c.info.requires]:
            self._fail_plugin(dependent.plugin_name, f"it requires {plugin!r}, which is failed")

    async def has_accounts(self) -> bool:
        """Whether there is an account yet."""
        with self.database.use():
            return await self.identity.accounts.any_exists()

    # -- opening and closing --------------------------------------------------------------------------------

    async def prepare(self, *, packaged_policies_only: bool = False, serving: bool = False) -> None:
        """Everything the house needs to work, short of routes: the database, its schema, the law, the services.

        `packaged_policies_only`: without the operator's policy pages, so that bad ones can be looked at and mended. `serving`:
        as an instance that others know of.
        """
        self.doing = "opening the database"
        await start_database(self)
        with self.database.use():
            self.doing = MIGRATING
            await self._migrate(self.instance if serving else None)
            self.doing = "reading policies"
            self.encryptor.in_use = await stored_key_id()
            self._collect_policies()
            self.check_required_plugins()
            self.events.subscribe("portico", self.permissions.listeners())
            for contribution in self.contributions:
                for service in contribution.services:
                    self.context.services.provide(contribution.plugin_name, service)
                self.events.subscribe(contribution.plugin_name, contribution.listeners)
                for source in contribution.sources:
                    self.catalogue.add_source(contribution.plugin_name, source)
                self.identity.auth.add_providers(
                    contribution.auth_providers, contribution.token_authenticators
                )
            self.events.subscribe("portico", self.permissions.last_listeners())
            self._bind_core_services()
            await self.policies.load(packaged_only=packaged_policies_only)

    def _bind_core_services(self) -> None:
        """Give the rooms the services that have a seat in them, now that it is known who offers one."""
        self.catalogue.set_workspace_models(self.context.services.get(WorkspaceModels))
        self.identity.passwords.set_rule(self.context.services.get(PasswordRule))

    def _collect_policies(self) -> None:
        """Gather the law of all plugins."""
        self._retry_without_failing_plugins(
            "its policies",
            lambda contributions: self.policies.drafts.set_plugin_policies(
                [kind for c in contributions for kind in c.resources],
                [policy for c in contributions for policy in c.policies],
                tolerant=bool(self.register.failed),
            ),
        )

    def _build_routes(self) -> ASGIApp:
        """The routes of all plugins behind one edge."""
        application = self._retry_without_failing_plugins(
            "its routes",
            lambda contributions: web_application(
                self.settings,
                self.identity,
                self.permissions,
                self.origins,
                self.drain,
                limiter=self.limiter,
                routers=[c.router for c in contributions if c.router is not None],
                checks=[
                    *schema_check(self._unknown_steps),
                    *((c.plugin_name, check) for c in contributions for check in c.health_checks),
                ],
                redis=self.redis,
                database=self.instance.probe,
                failed_plugins=lambda: [record.name for record in self.register.failed],
                counters=self.counters,
                plugins=lambda: described_plugins(self.register, self.counters),
            ),
        )
        return OuterMiddleware(
            application, self.database, self.settings, self.proxies, self.origins
        )

    def _retry_without_failing_plugins(
        self, what: str, make: Callable[[Sequence[Contribution]], Result]
    ) -> Result:
        """What `make` makes of all plugins together; one with which it cannot be made is set aside."""
        try:
            return make(self.contributions)
        except (InvalidPolicy, ImproperlyConfiguredException):
            sound: list[Contribution] = []
            for contribution in list(self.contributions):
                try:
                    make([*sound, contribution])
                except (InvalidPolicy, ImproperlyConfiguredException) as error:
                    self._fail_plugin(contribution.plugin_name, f"{what}: {error}")
                else:
                    sound.append(contribution)
            return make(self.contributions)

    async def _migrate(self, instance: OwnInstance | None) -> None:
        report = await open_schema(self, instance)
        self._unknown_steps = report.unknown
        for owner, reason in report.failed.items():
            if owner not in self.register:
                raise CannotStart(
                    [f"the schema of {owner!r} could not be brought up to date: {reason}"]
                )
            self._fail_plugin(owner, f"its migration failed: {reason}")

    async def start(self) -> None:
        """Open the house, get every plugin ready, and begin to serve. Raises: CannotStart."""
        await self.prepare(serving=True)
        self.doing = "asking for Redis"
        await self.redis.start()
        with self.database.use():
            if self._secret:
                await check_secret_key(self._secret)
                await check_encryption_key(self.encryptor)
            self.doing = "comparing e-mail addresses"
            await fill_email_keys(self.database)
            await warn_of_collisions()
            for contribution in list(self.contributions):
                await self._startup(contribution)
            self.doing = "noting its policies"
            await self.policies.record_change()
            self.policies.start_watching()
            self.identity.start()
            self.instance.start()
            self.cleaner.start(self.retentions)
        self._serve = self._build_routes()
        self.check_required_plugins()
        self._loop_watch.start()
        self.doing = "opening its port"
        self.policies.log_rejected()
        announce(self.register, self.contributions)

    async def _startup(self, contribution: Contribution) -> None:
        if contribution not in self.contributions:
            return  # what it requires has failed meanwhile
        self.doing = f"waiting for the startup of plugin {contribution.plugin_name!r}"
        try:
            await self._call(contribution, "startup")
        except isolation.PluginError as fault:
            if isinstance(fault.__cause__, OperatorError):
                # Not a failure of the plugin: with these settings it would be wrong to serve even without it.
                raise CannotStart([str(fault.__cause__)]) from fault
            self._fail_plugin(contribution.plugin_name, fault.reason, fault.trace)
            self._collect_policies()
            self._bind_core_services()
            await self.policies.load()
        else:
            self._started.append(contribution)

    async def _call(self, contribution: Contribution, hook: str) -> None:
        """Call one plugin's `startup` or `shutdown`, if it has one. Raises: Fault."""
        call = hook_of(self.manager, contribution.plugin_name, hook)
        if call is not None:
            given = {
                "app": self.context,
                "settings": contribution.settings,
                "plugin": contribution.components,
            }
            await isolation.call_async(contribution.plugin_name, hook, lambda: call(**given))

    async def stop(self) -> None:
        """Close the house: plugins in reverse order, then the rooms. Nothing here can keep the rest from closing."""
        self._serve = None
        self._loop_watch.stop()
        await self.policies.stop()
        with self.database.use():
            for contribution in reversed(self._started):
                with contextlib.suppress(isolation.PluginError):
                    await self._call(contribution, "shutdown")
            self._started.clear()
            await self.identity.stop()
            await self.catalogue.stop()
            await self.events.drain()
            await self.cleaner.stop()
            await self.instance.leave()
        await self.fetch.close()
        await self.client.close()
        await self.redis.stop()
        await self.database.stop()

    # -- serving --------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Called by the ASGI server."""
        if scope["type"] == "lifespan":  # type: ignore[comparison-overlap]
            await lifespan(self.start, self.stop, receive, send)
        elif self._serve is not None:
            await self._serve(scope, receive, send)
        else:
            raise RuntimeError("the house is not open")
