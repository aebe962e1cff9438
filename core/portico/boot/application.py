"""An application with its plugins: loading, migrating, starting and stopping.

    settings → discover → import → collect → check conflicts → migrate → policies → startup

Every step that calls a plugin is isolated: a plugin that fails is removed whole, with the reason in the registry, and
the others go on; but if the plugin is required, the application does not start.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pluggy

from portico.boot.connections import bind_core_services, connect_plugin, disconnect_plugin
from portico.boot.contributed import ContributedServices
from portico.boot.core_metrics import core_metrics
from portico.boot.plugins import core_claims, load_plugins
from portico.boot.schema import CORE_TABLES, CannotStart, open_schema, start_database
from portico.encryption import check_encryption_key, stored_key_id
from portico.errors import OperatorError, error_text
from portico.identity.accounts.email_keys import fill_email_keys, warn_of_collisions
from portico.identity.secret_key_check import check_secret_key
from portico.instances import OwnInstance, Role
from portico.plugins.conflicts.replacements import Replacements
from portico.plugins.contributions import Contribution, hook_of
from portico.plugins.isolation import PluginError
from portico.plugins.loader import new_manager
from portico.plugins.overview import plugins_that_block_start
from portico.plugins.process_settings import preserved_files
from portico.plugins.provided import describe_all
from portico.plugins.registry import FaultKind, PluginRegistry
from portico.redis import RedisRequired
from portico.settings.load import LoadedSettings
from portico.settings.section import Secret

Result = TypeVar("Result")
#: The value of `Application.doing` while migrations run, for which the time limit of a start does not count.
MIGRATING = "updating the database schema"
#: Seconds in which all plugins must be shut down: the main process kills a server process some seconds after its drain.
STOP_SECONDS = 4.5


class Application(ContributedServices):
    """The core services and the plugins of one application.

    Building one imports the chosen plugins and calls their `register_*` hooks; it opens no connection and writes nothing.
    `on_doing`: told what the start is doing, with the plugin that is called. `routes`: collect their routes too; commands
    and workers need none. `role`: what the process does once `start` has returned.
    """

    def __init__(
        self,
        loaded: LoadedSettings,
        secret: Secret | None = None,
        *,
        routes: bool = False,
        role: Role = "server",
        on_doing: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(loaded, secret, role=role)
        self._on_doing = on_doing
        if on_doing is not None:
            self.isolation.on_call = lambda plugin, doing: on_doing(
                f"waiting for {doing} of plugin {plugin!r}"
            )
        self._doing, self.migration = "loading its plugins", ""
        self.registry = PluginRegistry()
        self.manager: pluggy.PluginManager = new_manager()
        self.replacements = Replacements(self.settings.plugins.replace)
        # A part of the time of a start, so that many plugins that hang do not end it.
        with self.isolation.sharing(self.settings.server.start_limit / 3):
            self.contributions = load_plugins(
                loaded,
                self.registry,
                self.manager,
                self.context,
                self.isolation,
                replacements=self.replacements,
                core_claims=core_claims(core_metrics(self), CORE_TABLES),
                routes=routes,
            )
        #: Migrations that a newer release has applied, by owner. Filled by `prepare`.
        self.unknown_steps: dict[str, list[str]] = {}
        self._is_connected = False
        self._keep_passwords_closed()
        self._started: list[Contribution] = []

    @property
    def doing(self) -> str:
        """What the start is doing, in a few words, for the terminal. `migration`: its last migration."""
        return self._doing

    @doing.setter
    def doing(self, what: str) -> None:
        self._doing = what
        if self._on_doing is not None:
            self._on_doing(what)

    def report_migration(self, owner: str, step: str) -> None:
        """Note which migration is applied, and tell `on_doing`."""
        self.migration = f"applying migration {step} of plugin {owner!r}"
        if self._on_doing is not None:
            self._on_doing(self.migration)

    # -- what the plugins contribute ------------------------------------------------------------------------

    def _route_areas(self) -> list[str]:
        return sorted(one.plugin_name for one in self.contributions if one.has_routes)

    def _installed_plugins(self) -> list[dict[str, Any]]:
        return [record.described() for record in self.registry]

    # -- plugins that fail ----------------------------------------------------------------------------------

    def check_required_plugins(self) -> None:
        """Raises: CannotStart if a required plugin is not active, or any plugin has failed while `strict` is set.

        An auth provider whose settings cannot work counts as a failure of its plugin.
        """
        choice = self.settings.plugins
        unusable = [
            f"plugin {name!r} is required and its auth provider {provider!r} is disabled: {reason}"
            for name, provider, reason in self.registry.unusable_providers
            if choice.strict or name in choice.required
        ]
        missing = plugins_that_block_start(self.registry, choice.required, choice.strict)
        reasons = [f"plugin {r.name!r} is required and {r.state}: {r.reason}" for r in missing]
        if reasons or unusable:
            raise CannotStart(reasons + unusable)

    def fail_plugin(
        self, plugin: str, reason: str, trace: str = "", *, kind: FaultKind, at: str = ""
    ) -> None:
        """Remove a plugin with everything it has contributed, and the plugins that require it."""
        self.registry[plugin].fail(reason, trace, kind=kind, at=at)
        for contribution in self.contributions:
            if contribution.plugin_name == plugin:
                disconnect_plugin(self, contribution)
        self.contributions = [c for c in self.contributions if c.plugin_name != plugin]
        for dependent in [c for c in self.contributions if plugin in c.info.requires]:
            self.fail_plugin(
                dependent.plugin_name,
                f"it requires {plugin!r}, which has failed",
                kind=FaultKind.REQUIREMENT,
            )
        self._keep_passwords_closed()
        self._restore_what_it_replaced(plugin)

    def _keep_passwords_closed(self) -> None:
        """Refuse passwords and sign-up if a plugin that should identify the users has failed, although it is configured."""
        if any(
            record.identifies_users
            and (
                record.fault is FaultKind.SETTINGS
                or self.loaded.explicitly_set(f"plugins.{record.name}")
            )
            for record in self.registry.failed
        ):
            self.identity.auth.passwords_are_closed = True

    def _restore_what_it_replaced(self, plugin: str) -> None:
        """Give back what a plugin replaced, now that it has failed."""
        restored = self.replacements.restore(plugin, self.contributions)
        self.contributions = [
            restored[c.plugin_name].contribution if c.plugin_name in restored else c
            for c in self.contributions
        ]
        parts = [one.parts for one in restored.values()]
        describe_all(
            [one.contribution for one in restored.values()],
            self.contributions,
            self.registry,
            self.replacements,
        )
        if self._is_connected:
            for part in parts:
                connect_plugin(self, part)

    def retry_without_failing_plugins(
        self,
        what: str,
        make: Callable[[Sequence[Contribution]], Result],
        mistake: type[Exception],
        kind: FaultKind,
        origin: Callable[[Contribution], object] = lambda _: None,
    ) -> Result:
        """Return `make(contributions)`. If it raises `mistake`, fail the plugins that cause it and call it without them.

        `origin`: returns what is wrong in a plugin, for its file and line.
        """

        def try_with(others: Sequence[Contribution], contribution: Contribution) -> bool:
            try:
                make([*others, contribution])
            except mistake as error:
                name = contribution.plugin_name
                at = self.isolation.location(name, error, origin(contribution))
                self.fail_plugin(name, f"{what}: {error_text(error)}", kind=kind, at=at)
                return False
            return True

        with contextlib.suppress(mistake):
            return make(self.contributions)
        make(())  # a mistake of no plugin is raised
        # Each by itself first: that takes as many short calls as there are plugins.
        for contribution in list(self.contributions):
            try_with((), contribution)
        with contextlib.suppress(mistake):
            return make(self.contributions)
        valid: list[Contribution] = []
        for contribution in list(self.contributions):
            if try_with(valid, contribution):
                valid.append(contribution)
        return make(self.contributions)

    # -- starting and stopping ------------------------------------------------------------------------------

    async def prepare(self, *, packaged_policies_only: bool = False, serving: bool = False) -> None:
        """Open the database, migrate it, activate the policies and connect the plugins. Enough for commands.

        `packaged_policies_only`: without the operator's policy files, for commands that check or correct invalid ones.
        `serving`: register this process in the database as a running instance. Raises: CannotStart.
        """
        self.doing = "opening the database"
        self.isolation.contain_exits(asyncio.get_running_loop())
        await start_database(self)
        with self.database.use():
            self.doing = MIGRATING
            await self._migrate(self.instance if serving else None)
            self.doing = "reading policies"
            self.encryptor.stored_key_id = await stored_key_id()
            self._collect_policies()
            self.check_required_plugins()
            self._connect_plugins()
            bind_core_services(self)
            await self.policies.load(packaged_only=packaged_policies_only)

    async def start(self) -> None:
        """Prepare for serving, call every plugin's `startup`, start the background tasks. Raises: CannotStart.

        A worker needs a schema that is up to date, and starts without Redis although it is required: it waits for it.
        """
        await self.start_plugins()
        with self.database.use():
            self.doing = "recording its policies"
            await self.policies.record_change()
            self.policies.start_watching()
            self.identity.start()
            self.catalogue.start()
            await self.sockets.start(self.socket_events)
            self.instance.start()
            self.audit_sealer.start()
            # Again: without those of plugins whose startup has failed.
            self.tasks.set_types(self.task_types)
            await self.tasks.start()
            if self.task_consumer is not None:
                self.task_consumer.start()

    async def start_plugins(
        self, *, on_copy: bool = False, packaged_policies_only: bool = False
    ) -> None:
        """Do the part of a start that can fail: up to the `startup` of the last plugin. Raises: CannotStart.

        `on_copy`: on a copy of the database, so nothing is sent to other instances.
        """
        self.http_client.session()  # imports the HTTP client now, not while requests wait
        await self.prepare(serving=True, packaged_policies_only=packaged_policies_only)
        self.doing = "connecting to Redis"
        with contextlib.suppress(*((RedisRequired,) if self.instance.role == "worker" else ())):
            await self.redis.start()
        if self.channel_redis is not self.redis:
            await self.channel_redis.start()
        with self.database.use():
            if self._secret:
                await check_secret_key(self._secret)
                await check_encryption_key(self.encryptor)
            if not on_copy:
                self.doing = "comparing e-mail addresses"
                await fill_email_keys(self.database)
                await warn_of_collisions()
                await self.instance_channel.start()
            with self.isolation.sharing(self.settings.server.start_limit / 4):
                for contribution in list(self.contributions):
                    await self._startup(contribution)

    async def stop(self) -> None:
        """Let running work finish, call every plugin's `shutdown` in reverse order, then stop the core services.

        A failing plugin is logged.
        """
        await self.policies.stop()
        with self.database.use():
            await self.context.drain.finish()
            if self.task_consumer is not None:
                await self.task_consumer.stop()
            await self.tasks.stop()
            with self.isolation.sharing(STOP_SECONDS, 0.6):
                for contribution in reversed(self._started):
                    with contextlib.suppress(PluginError):
                        await self._call(contribution, "shutdown")
            self._started.clear()
        await super().stop()

    async def has_accounts(self) -> bool:
        """Return whether any account exists."""
        with self.database.use():
            return await self.identity.accounts.any_exists()

    async def _migrate(self, instance: OwnInstance | None) -> None:
        report = await open_schema(self, instance)
        self.unknown_steps = report.unknown
        for owner, reason in report.failed.items():
            if owner not in self.registry:
                raise CannotStart([f"the tables of {owner!r} could not be migrated: {reason}"])
            error = report.errors.get(owner)
            at = self.isolation.location(owner, error) or getattr(error, "file", "")
            text = f"its migration failed: {reason}"
            self.fail_plugin(owner, text, kind=FaultKind.MIGRATION, at=at)

    def _connect_plugins(self) -> None:
        """Hand what the plugins contribute to the core services."""
        self.events.subscribe("portico", self.permissions.listeners())
        with self.isolation.sharing(self.settings.server.start_limit / 4):
            for contribution in list(self.contributions):
                self._connect(contribution)
        self._is_connected = True
        self.events.subscribe("portico", self.permissions.last_listeners())

    def _connect(self, contribution: Contribution) -> None:
        """Hand what one plugin contributes to the core services. Its objects may raise whatever they are asked."""
        plugin = contribution.plugin_name

        def connect() -> None:
            connect_plugin(self, contribution)
            self.events.subscribe(plugin, contribution.listeners)
            self.gateway.add_filters(plugin, contribution.model_filters)

        if not any(contribution is one for one in self.contributions):
            return  # a plugin that it requires has failed in the meantime
        try:
            self.isolation.call(plugin, "using what it registers", connect)
        except PluginError as error:
            self.fail_plugin(plugin, error.reason, error.trace, kind=error.kind, at=error.at)
            self._collect_policies()

    def _collect_policies(self) -> None:
        """Compile the resource kinds and policies of all plugins."""
        self.retry_without_failing_plugins(
            "its policies",
            lambda contributions: self.policies.builder.set_plugin_policies(
                [(c.resources, c.policies) for c in contributions],
                allow_unknown_kinds=bool(self.registry.failed),
            ),
            Exception,  # a package that it names may be anything
            FaultKind.POLICY,
        )

    async def _startup(self, contribution: Contribution) -> None:
        if contribution.plugin_name not in {one.plugin_name for one in self.contributions}:
            return  # a plugin that it requires has failed in the meantime
        self.doing = f"waiting for the startup of plugin {contribution.plugin_name!r}"
        try:
            with preserved_files():
                await self._call(contribution, "startup")
        except PluginError as error:
            if isinstance(error.__cause__, OperatorError):
                # The plugin says that with these settings the server must not run, not even without the plugin.
                raise CannotStart([str(error.__cause__)]) from error
            self.fail_plugin(
                contribution.plugin_name, error.reason, error.trace, kind=error.kind, at=error.at
            )
            self._collect_policies()
            bind_core_services(self)
            await self.policies.load()
        else:
            self._started.append(contribution)

    async def _call(self, contribution: Contribution, hook: str) -> None:
        """Call one plugin's `startup` or `shutdown`, if it has one. Raises: PluginError."""
        call = hook_of(self.manager, contribution.plugin_name, hook)
        if call is not None:
            arguments = {
                "app": self.context,
                "settings": contribution.settings,
                "plugin": contribution.components,
            }
            limits = self.settings.plugins
            await self.isolation.call_async(
                contribution.plugin_name,
                hook,
                lambda: call(**arguments),
                limit=limits.startup_limit if hook == "startup" else limits.shutdown_limit,
                setting=f"plugins.{hook}_limit",
                kind=FaultKind.STARTUP,
                origin=call,
            )
