"""Builds the core services of one application from its settings. Nothing here knows any plugin."""

import secrets
from pathlib import Path
from typing import Any

from portico.audit import AuditSealer
from portico.catalogue import Catalogue
from portico.db import Database, open_database
from portico.encryption import Encryptor, configured_key_ring
from portico.events import EventBus
from portico.gateway import Gateway, Router
from portico.http_client import OutgoingHTTP, SafeHTTPClient
from portico.identity import DEFAULT_PERMISSIONS_PREFIX, GroupChanged, Identity
from portico.instances import (
    ChangeForwarder,
    InstanceChannel,
    OwnInstance,
    Role,
    valid_instance_url,
)
from portico.metrics import MetricReading
from portico.permissions import Permissions, PolicyService
from portico.plugin_errors.plugin_code import PluginCode
from portico.plugins.context import AppContext
from portico.plugins.isolation import OverLimit, PluginIsolation
from portico.rate_limits import RateLimiter
from portico.redis import RedisConnection
from portico.runtime_settings import (
    RuntimeSettings,
    RuntimeSettingsChanged,
    SettingsChanges,
    SettingsStore,
)
from portico.settings.load import LoadedSettings
from portico.settings.secret_key import ensure_secret_key
from portico.settings.section import Secret
from portico.sockets import Sockets
from portico.task_queue import QueueConsumer, QueueDelivery, TaskQueue
from portico.tasks import Tasks
from portico.tracing import Tracing
from portico.transfer import ImportFormat, TransferKind
from portico.web.counters import Counters
from portico.web.drain import Drain
from portico.web.middleware.base_path import checked_base_path
from portico.web.middleware.origins import Origins
from portico.web.middleware.proxies import Proxies


class CoreServices:
    """The core services of one application. Building them opens no connection and writes nothing.

    `secret`: signs sessions. A command that signs none may omit it; a random one is used then. `role`: what the process
    does once it is started.
    """

    def __init__(
        self, loaded: LoadedSettings, secret: Secret | None = None, *, role: Role = "server"
    ) -> None:
        settings = loaded.settings
        self.loaded, self.settings, self._secret = loaded, settings, secret
        data_dir = Path(settings.data_dir).absolute()
        self.database: Database = open_database(settings.database, data_dir)
        self.instance = OwnInstance(role, valid_instance_url(settings.server.instance_url))
        self.counters = Counters(PluginCode())
        isolation = self.isolation = PluginIsolation(settings.plugins, self.counters)
        self.tracing = Tracing(isolation.log_failure)
        self.events = EventBus(isolation.deliver_event, isolation.run_in_transaction)
        self.drain = Drain(settings.server.shutdown_timeout)
        self.proxies = Proxies(settings.server.trusted_proxies)
        self.origins = Origins(
            settings.server.url,
            settings.cors.allow_origins,
            settings.cors.allow_schemes,
        )
        self.redis = RedisConnection(settings.redis)
        signing = secret or Secret(secrets.token_urlsafe(48))
        own_redis = settings.sockets.own_redis(settings.redis)
        self.channel_redis = (
            RedisConnection(own_redis, "sockets.redis_url") if own_redis else self.redis
        )
        self.instance_channel = InstanceChannel(self.instance, signing, self.channel_redis)
        self.events.subscribe(
            "portico",
            ChangeForwarder(self.instance_channel, self.events).listeners(
                [RuntimeSettingsChanged, GroupChanged]
            ),
        )
        self.encryptor = Encryptor(
            lambda: configured_key_ring(
                settings.identity, secret or ensure_secret_key(settings, data_dir)
            )
        )
        self.audit_sealer = AuditSealer(self.encryptor, self.instance.id)
        self.settings_store = SettingsStore(
            self.events, settings.identity.base_cache_seconds, self.encryptor
        )
        self.limiter = RateLimiter(settings.rate_limits, signing, self.redis)
        self.runtime_settings = RuntimeSettings(self.settings_store)
        self.settings_changes = SettingsChanges(self.runtime_settings, self.settings_store)
        self.runtime_settings.add(settings.server, loaded.explicitly_set("server"))
        self.identity = Identity(
            settings.identity,
            signing,
            self.events,
            settings.permissions,
            store=self.settings_store,
            runtime_settings=self.runtime_settings,
            limiter=self.limiter,
            pinned=loaded.explicitly_set("identity"),
            redis=self.redis,
            pinned_permissions=loaded.explicitly_set("permissions"),
            secure_cookies=settings.server.secure_cookies or settings.server.force_https,
            cookie_same_site=settings.server.cookie_same_site,
            cookie_path=checked_base_path(settings.server.url) or "/",
            isolate=isolation.sign_in,
        )
        self.settings_changes.add_restorer(
            DEFAULT_PERMISSIONS_PREFIX, self.identity.defaults.restore
        )
        cache_ttl = settings.identity.derived_cache_seconds
        self.permissions = Permissions(settings.access, self.identity.permissions_of, cache_ttl)
        directory = settings.access.policy_dir
        self.policies = PolicyService(
            self.permissions, Path(directory).absolute() if directory else None, self.events
        )
        self.catalogue = Catalogue(
            self.runtime_settings.add(settings.catalogue, loaded.explicitly_set("catalogue")),
            self.permissions,
            self.identity.accounts,
            self.identity.groups,
            cache_ttl,
            channel=self.instance_channel,
            events=self.events,
            log_failure=isolation.log_failure,
        )
        self.http_client = OutgoingHTTP(settings.http_client)
        self.gateway = Gateway(
            Router(
                settings.gateway,
                self.catalogue.sources,
                plugin_of=self.catalogue.plugin_of,
                log_failure=isolation.log_failure,
            ),
            isolation.log_failure,
        )
        self.sockets = Sockets(
            settings,
            self.identity,
            self.origins,
            self.drain,
            isolation.handle_socket_event,
            instance=self.instance,
            secret=signing,
            channel=self.instance_channel,
            redis=self.redis,
            http_session=self.http_client.session,
        )
        self.tasks = Tasks(
            settings.tasks,
            self.instance_channel,
            self.sockets,
            isolation.run_task,
            role=role,
            concurrency=settings.worker.concurrency if role == "worker" else None,
            events=self.events,
        )
        self.drain.on_start(self.tasks.runner.stop_claiming)
        self.task_queue = TaskQueue(self.redis, signing)
        self.task_consumer: QueueConsumer | None = None
        self._connect_task_queue(role)
        self.instance_channel.tracing = self.tasks.runner.executor.tracing = self.tracing
        self.sockets.use_tracing(self.tracing)
        self.safe_http = SafeHTTPClient(settings.http_client)
        self.context = AppContext(
            settings=settings,
            encryptor=self.encryptor,
            identity=self.identity,
            runtime_settings=self.runtime_settings,
            settings_changes=self.settings_changes,
            route_areas=self._route_areas,
            installed_plugins=self._installed_plugins,
            read_metrics=self.read_metrics,
            transfer_kinds=self._transfer_kinds,
            import_formats=self._import_formats,
            permissions=self.permissions,
            policies=self.policies,
            catalogue=self.catalogue,
            gateway=self.gateway,
            events=self.events,
            limiter=self.limiter,
            sockets=self.sockets,
            tasks=self.tasks,
            http=self.http_client,
            http_session=self.http_client.session,
            safe_http=self.safe_http,
            instance_channel=self.instance_channel,
            drain=self.drain,
        )

    def _connect_task_queue(self, role: Role) -> None:
        """Set how this process is told of tasks, and how it tells workers of new ones."""
        channel, runner, queue = self.instance_channel, self.tasks.runner, self.task_queue
        who = self.settings.tasks.runner
        if not queue.is_possible:
            return
        if role == "worker":
            self.task_consumer = consumer = QueueConsumer(queue, runner)
            runner.min_age = lambda: consumer.sweep_after
        self.tasks.delivery = QueueDelivery(
            queue, self.tasks.delivery, lambda: who != "server" and bool(channel.live_worker_ids)
        )

    def _route_areas(self) -> list[str]:
        """Return the names of the plugins that have routes."""
        return []

    def _installed_plugins(self) -> list[dict[str, Any]]:
        """Return the installed plugins with their states."""
        return []

    def _transfer_kinds(self) -> list[TransferKind]:
        """Return what the active plugins export and import, in the order of an import."""
        return []

    def _import_formats(self) -> list[ImportFormat]:
        """Return the formats that the active plugins read."""
        return []

    async def read_metrics(self) -> list[MetricReading]:
        """Return the figures of the core and of all plugins."""
        return []

    async def stop(self) -> None:
        """Stop background tasks and close connections, the database last."""
        with self.database.use():
            await self.audit_sealer.stop()
            await self.sockets.stop()
            await self.identity.stop()
            await self.catalogue.stop()
            limit = self.settings.plugins.shutdown_limit
            for owner in await self.events.drain(limit):
                late = OverLimit(limit, "plugins.shutdown_limit")
                self.isolation.log_failure(owner, "handling an event at shutdown", late)
            await self.instance_channel.stop()
            await self.instance.unregister()
        await self.safe_http.close()
        await self.http_client.close()
        if self.channel_redis is not self.redis:
            await self.channel_redis.stop()
        await self.task_queue.close()
        await self.redis.stop()
        await self.database.stop()
