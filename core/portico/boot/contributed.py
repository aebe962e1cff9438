"""What the core and the active plugins of an application have together: tables, tasks, checks, metrics."""

from collections.abc import Container, Sequence
from functools import cached_property
from typing import Any

from portico.boot.core_metrics import MetricReader, core_metrics
from portico.boot.core_tasks import core_retentions, core_task_types
from portico.boot.schema import CORE_TABLES
from portico.db import DatabaseCheck, EncryptedColumn, Retention, all_checks
from portico.metrics import MetricReading
from portico.plugins.contributions import Contribution
from portico.plugins.isolated_transfer import IsolatedTransferKind
from portico.plugins.isolation import PluginIsolation
from portico.sockets import RegisteredEvent
from portico.tasks import TaskType
from portico.transfer import ImportFormat, TransferKind, in_import_order
from portico.wiring import CoreServices


class ContributedServices(CoreServices):
    """The core services, with what the active plugins add to them."""

    contributions: Sequence[Contribution]
    isolation: PluginIsolation

    @property
    def table_sets(self) -> dict[str, Any]:
        """The tables of the core packages and of each plugin by owner, in the order in which they are migrated."""
        return CORE_TABLES | {c.plugin_name: c.tables for c in self.contributions if c.tables}

    @property
    def encrypted_columns(self) -> list[EncryptedColumn]:
        """The columns that hold encrypted texts."""
        return [
            column for tables in self.table_sets.values() for column in tables.encrypted_columns
        ]

    @property
    def retentions(self) -> list[Retention]:
        """Which rows are deleted after how many days, of the core and of each plugin."""
        return [
            *core_retentions(self.settings, self.encryptor),
            *(one for c in self.contributions for one in c.retention),
        ]

    @property
    def socket_events(self) -> list[RegisteredEvent]:
        """The socket events that plugins handle."""
        return [
            RegisteredEvent(c.plugin_name, event)
            for c in self.contributions
            for event in c.socket_events
        ]

    @property
    def task_types(self) -> list[TaskType]:
        """The types of background tasks, of the core and of each plugin."""
        return [
            *core_task_types(lambda: self.retentions),
            *(one for c in self.contributions for one in c.tasks),
        ]

    def _transfer_kinds(self) -> list[TransferKind]:
        return in_import_order(
            IsolatedTransferKind(c.plugin_name, one, self.isolation)
            for c in self.contributions
            for one in c.transfer_kinds
        )

    def _import_formats(self) -> list[ImportFormat]:
        return [one for c in self.contributions for one in c.import_formats]

    async def database_checks(self, behind: Container[str] = ()) -> list[DatabaseCheck]:
        """Return the checks that `portico db check` runs on the current database.

        `behind`: owners of tables whose schema is not up to date; only the foreign keys of their tables are checked.
        """
        declared = [
            one
            for owner, tables in self.table_sets.items()
            if owner not in behind
            for one in tables.references
        ]
        contributed = [
            self.isolation.database_check(c.plugin_name, check)
            for c in self.contributions
            if c.plugin_name not in behind
            for check in c.database_checks
        ]
        return await all_checks(declared, contributed)

    async def read_metrics(self) -> list[MetricReading]:
        """Return the figures of the core and of all plugins. One that cannot be read is logged and left out."""
        of_plugins = [(c.plugin_name, one) for c in self.contributions for one in c.metrics]
        of_core = [("", one) for one in core_metrics(self)]
        return await self._metric_reader.read([*of_core, *of_plugins])

    @cached_property
    def _metric_reader(self) -> MetricReader:
        return MetricReader(self.isolation)
