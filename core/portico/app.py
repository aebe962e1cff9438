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
from portico.configuration import Adjustments, Configuration
from portico.db import Database, DatabaseCheck, Locked, Retention, all_checks, open_database
from portico.errors import OperatorError
from portico.events import Bus
from portico.fetch import Fetch, OneSession
from portico.identity import Identity, PasswordRule
from portico.identity.people.email_keys import fill_email_keys, warn_of_collisions
from portico.identity.secret import claim_secret
from portico.instances import OwnInstance
from portico.limits import Limiter
from portico.loading import announce, load_plugins
from portico.opening import CORE_TABLES, CannotStart, open_schema, start_database
from portico.permissions import BadPolicy, Keeper, Permissions
from portico.plugins import fence
from portico.plugins.admit import new_manager
from portico.plugins.assemble import blocking
from portico.plugins.collect import Contribution, implementation
from portico.plugins.house import House
from portico.plugins.overview import described_plugins, plugins_by_module
from portico.plugins.state import Register
from portico.redis import Redis
from portico.retention import Cleaner
from portico.settings.load import Loaded
from portico.settings.secret_key import ensure_secret_key
from portico.settings.section import Secret
from portico.vault import Vault, claim_vault, configured_ring, key_in_use
from portico.web.application import web_application
from portico.web.counters import Counters
from portico.web.drain import Drain
from portico.web.edge.edge import Edge
from portico.web.edge.origins import Origins
from portico.web.edge.proxies import Proxies
from portico.web.health import schema_check
from portico.web.lifespan import lifespan
from portico.web.loop_watch import LoopWatch

Result = TypeVar("Result")
log = structlog.get_logger("portico")
#: What a start is doing while the schema changes, which may take its time.
MIGRATING = "bringing the schema up to date"


class Portico:
    """One application: an ASGI callable that opens the house on `lifespan.startup` and closes it on shutdown.

    Making one imports the chosen plugins and asks what they bring; it opens no connection and writes nothing.
    `secret` signs sessions; a command line that signs none goes without.
    """

    def __init__(self, loaded: Loaded, secret: Secret | None = None) -> None:
        settings = loaded.settings
        self.loaded, self.settings, self._secret = loaded, settings, secret
        #: What the start is doing, in a few words, for whoever waits for it.
        self.doing = "loading its plugins"
        data_dir = Path(settings.data_dir).absolute()
        self.database: Database = open_database(settings.database, data_dir)
        self.instance = OwnInstance()
        self.cleaner = Cleaner()
        self.events = Bus(fence.deliver, fence.involve)
        self.drain = Drain(settings.server.grace)
        self.proxies = Proxies(settings.server.trusted_proxies)
        self.origins = Origins(
            settings.server.url, settings.browser.origins, settings.browser.schemes
        )
        self.redis = Redis(settings.redis)
        signing = secret or Secret(secrets.token_urlsafe(48))
        self.configuration = Configuration(self.events, settings.identity.recheck)
        self.vault = Vault(
            lambda: configured_ring(
                settings.identity, secret or ensure_secret_key(settings, data_dir)
            )
        )
        self.limiter = Limiter(settings.limits, signing, self.redis)
        self.adjustments = Adjustments(self.configuration)
        self.adjustments.add(settings.server, loaded.set_in("server"))
        self.identity = Identity(
            settings.identity,
            signing,
            self.events,
            settings.permissions,
            configuration=self.configuration,
            adjustments=self.adjustments,
            limiter=self.limiter,
            pinned=loaded.set_in("identity"),
            redis=self.redis,
            pinned_permissions=loaded.set_in("permissions"),
            secure_cookies=settings.server.secure_cookies or settings.server.force_https,
            cookie_same_site=settings.server.cookie_same_site,
        )
        # Half the time for which a membership is trusted: what stands on it must be right within the second too.
        moment = settings.identity.recheck / 2
        self.permissions = Permissions(settings.access, self.identity.permissions_of, moment)
        directory = settings.access.policy_dir
        self.policies = Keeper(self.permissions, Path(directory).absolute() if directory else None)
        self.catalogue = Catalogue(
            settings.catalogue, self.permissions, self.identity.directory, moment
        )
        self.fetch = Fetch(settings.fetch)
        self.client = OneSession()
        self.house = House(
            settings=settings,
            vault=self.vault,
            identity=self.identity,
            adjustments=self.adjustments,
            areas=self._areas,
            permissions=self.permissions,
            policies=self.policies,
            catalogue=self.catalogue,
            events=self.events,
            limiter=self.limiter,
            http=self.client.session,
            fetch=self.fetch,
        )
        self.register = Register()
        self.manager: pluggy.PluginManager = new_manager()
        self.contributions = load_plugins(loaded, self.register, self.manager, self.house)
        self.counters = Counters()
        self._loop_watch = LoopWatch(
            settings.server.loop_limit,
            self.counters,
            lambda: plugins_by_module(self.register, self.manager),
            Edge.__call__.__code__,
        )
        self._started: list[Contribution] = []
        self._serve: ASGIApp | None = None
        self._unknown_steps: dict[str, list[str]] = {}

    # -- making ---------------------------------------------------------------------------------------------

    def must_open(self) -> None:
        """Raises: CannotStart if a plugin that the operator relies on is not active."""
        choice = self.settings.plugins
        if missing := blocking(self.register, choice.required, choice.strict):
            raise CannotStart(
                [f"plugin {r.name!r} is needed and {r.state}: {r.reason}" for r in missing]
            )

    def _areas(self) -> list[str]:
        return sorted(one.plugin for one in self.contributions if one.router is not None)

    @property
    def table_sets(self) -> dict[str, Any]:
        """The migrations of the core's rooms and of each plugin, in the order in which they run."""
        return CORE_TABLES | {c.plugin: c.tables for c in self.contributions if c.tables}

    @property
    def locked_columns(self) -> list[Locked]:
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
            if c.plugin not in behind
            for check in c.database_checks
        ]
        return await all_checks(declared, brought)

    def _set_aside(self, plugin: str, reason: str, trace: str = "") -> None:
        """Drop a plugin whole, with all it brought so far, and whoever requires it."""
        self.register[plugin].fail(reason, trace)
        for contribution in self.contributions:
            if contribution.plugin == plugin:
                self.identity.disown(contribution.auth_providers, contribution.token_readers)
        self.contributions = [c for c in self.contributions if c.plugin != plugin]
        self.house.services.withdraw(plugin)
        self.events.forget(plugin)
        self.catalogue.disown(plugin)
        for dependent in [c for c in self.contributions if plugin in c.info.requires]:
            self._set_aside(dependent.plugin, f"it requires {plugin!r}, which is failed")

    async def anybody_here(self) -> bool:
        """Whether there is an account yet."""
        with self.database.use():
            return await self.identity.directory.anyone()

    # -- opening and closing --------------------------------------------------------------------------------

    async def open(self, *, packaged_law: bool = False, serving: bool = False) -> None:
        """Everything the house needs to work, short of routes: the database, its schema, the law, the services.

        `packaged_law`: without the operator's policy pages, so that bad ones can be looked at and mended. `serving`:
        as an instance that others know of.
        """
        self.doing = "opening the database"
        await start_database(self)
        with self.database.use():
            self.doing = MIGRATING
            await self._migrate(self.instance if serving else None)
            self.doing = "reading policies"
            self.vault.in_use = await key_in_use()
            self._enact()
            self.must_open()
            self.events.listen("portico", self.permissions.listeners())
            for contribution in self.contributions:
                for service in contribution.services:
                    self.house.services.offer(contribution.plugin, service)
                self.events.listen(contribution.plugin, contribution.listeners)
                for source in contribution.sources:
                    self.catalogue.adopt(contribution.plugin, source)
                self.identity.adopt(contribution.auth_providers, contribution.token_readers)
            self.events.listen("portico", self.permissions.last_listeners())
            self._seat()
            await self.policies.open(packaged_only=packaged_law)

    def _seat(self) -> None:
        """Give the rooms the services that have a seat in them, now that it is known who offers one."""
        self.catalogue.lay_over(self.house.services.get(WorkspaceModels))
        self.identity.passwords.hold_to(self.house.services.get(PasswordRule))

    def _enact(self) -> None:
        """Gather the law of all plugins."""
        self._of_sound_plugins(
            "its policies",
            lambda contributions: self.policies.drafts.appoint(
                [kind for c in contributions for kind in c.resources],
                [policy for c in contributions for policy in c.policies],
                tolerant=bool(self.register.failed),
            ),
        )

    def _web(self) -> ASGIApp:
        """The routes of all plugins behind one edge."""
        application = self._of_sound_plugins(
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
                    *((c.plugin, check) for c in contributions for check in c.health_checks),
                ],
                redis=self.redis,
                database=self.instance.probe,
                set_aside=lambda: [record.name for record in self.register.failed],
                counters=self.counters,
                plugins=lambda: described_plugins(self.register, self.counters),
            ),
        )
        return Edge(application, self.database, self.settings, self.proxies, self.origins)

    def _of_sound_plugins(
        self, what: str, make: Callable[[Sequence[Contribution]], Result]
    ) -> Result:
        """What `make` makes of all plugins together; one with which it cannot be made is set aside."""
        try:
            return make(self.contributions)
        except (BadPolicy, ImproperlyConfiguredException):
            sound: list[Contribution] = []
            for contribution in list(self.contributions):
                try:
                    make([*sound, contribution])
                except (BadPolicy, ImproperlyConfiguredException) as error:
                    self._set_aside(contribution.plugin, f"{what}: {error}")
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
            self._set_aside(owner, f"its migration failed: {reason}")

    async def start(self) -> None:
        """Open the house, get every plugin ready, and begin to serve. Raises: CannotStart."""
        await self.open(serving=True)
        self.doing = "asking for Redis"
        await self.redis.start()
        with self.database.use():
            if self._secret:
                await claim_secret(self._secret)
                await claim_vault(self.vault)
            self.doing = "comparing e-mail addresses"
            await fill_email_keys(self.database)
            await warn_of_collisions()
            for contribution in list(self.contributions):
                await self._startup(contribution)
            self.doing = "noting its policies"
            await self.policies.note()
            self.policies.watch()
            self.identity.start()
            self.instance.start()
            self.cleaner.start(self.retentions)
        self._serve = self._web()
        self.must_open()
        self._loop_watch.start()
        self.doing = "opening its port"
        self.policies.complain()
        announce(self.register, self.contributions)

    async def _startup(self, contribution: Contribution) -> None:
        if contribution not in self.contributions:
            return  # what it requires has failed meanwhile
        self.doing = f"waiting for the startup of plugin {contribution.plugin!r}"
        try:
            await self._call(contribution, "startup")
        except fence.Fault as fault:
            if isinstance(fault.__cause__, OperatorError):
                # Not a failure of the plugin: with these settings it would be wrong to serve even without it.
                raise CannotStart([str(fault.__cause__)]) from fault
            self._set_aside(contribution.plugin, fault.reason, fault.trace)
            self._enact()
            self._seat()
            await self.policies.open()
        else:
            self._started.append(contribution)

    async def _call(self, contribution: Contribution, hook: str) -> None:
        """Call one plugin's `startup` or `shutdown`, if it has one. Raises: Fault."""
        call = implementation(self.manager, contribution.plugin, hook)
        if call is not None:
            given = {"app": self.house, "settings": contribution.settings}
            await fence.arun(contribution.plugin, hook, lambda: call(**given))

    async def stop(self) -> None:
        """Close the house: plugins in reverse order, then the rooms. Nothing here can keep the rest from closing."""
        self._serve = None
        self._loop_watch.stop()
        await self.policies.stop()
        with self.database.use():
            for contribution in reversed(self._started):
                with contextlib.suppress(fence.Fault):
                    await self._call(contribution, "shutdown")
            self._started.clear()
            await self.identity.stop()
            await self.catalogue.stop()
            await self.events.settle()
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
