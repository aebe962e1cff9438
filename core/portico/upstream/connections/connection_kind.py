"""What is the same for the connections of every plugin: storing what an administrator changed, and checks at the start."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from portico.catalogue import SourceStatus
from portico.errors import OperatorError
from portico.settings.section import Secret
from portico.upstream.connections.base_url import url_fault
from portico.upstream.connections.connection_form import OptionsForm, check_names, check_urls
from portico.upstream.connections.source_options import SourceOptions

OptionsT = TypeVar("OptionsT", bound=SourceOptions)
OptionsT_co = TypeVar("OptionsT_co", bound=SourceOptions, covariant=True)


class NumberedConnection(Protocol[OptionsT_co]):
    """A connection in the settings."""

    @property
    def index(self) -> int:
        """The position in the settings."""
        ...

    @property
    def url(self) -> str:
        """The base URL; empty where a connection was removed."""
        ...

    @property
    def options(self) -> OptionsT_co:
        """The options."""
        ...


@dataclass(frozen=True, slots=True)
class ConnectionKind(Generic[OptionsT]):
    """The connections of one plugin.

    `enable`, `urls`, `configs`: the environment variables of its settings; clients know these by the same names.
    """

    plugin: str
    enable: str
    urls: str
    configs: str
    form: OptionsForm[OptionsT]

    def changes(
        self,
        *,
        enable: bool | None,
        urls: Sequence[str],
        options: Sequence[OptionsT],
        stored: Sequence[NumberedConnection[OptionsT]],
        statuses: Sequence[SourceStatus],
    ) -> dict[str, Any]:
        """Return the settings that differ from the stored ones, by variable. `enable`: None = unchanged.

        Raises: InvalidRequest for a URL that is none, and for a name that a source of another plugin has.
        """
        changes: dict[str, Any] = {}
        if enable is not None:
            changes[self.enable] = enable
        if urls != [one.url for one in stored]:
            check_urls(self.urls, urls)
            changes[self.urls] = urls
        if options != [self.form.normalized(one.options) for one in stored]:
            taken = {one.name for one in statuses if one.plugin != self.plugin}
            check_names(self.configs, options, taken)
            changes[self.configs] = {
                str(index): msgspec.to_builtins(one, enc_hook=Secret.reveal)
                for index, one in enumerate(options)
            }
        return changes

    async def read_values(
        self,
        given: Mapping[str, Any],
        read: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]],
    ) -> dict[str, Any]:
        """Return the values to store of those that an import has, by variable; UNSET = as configured.

        `read`: returns those that differ from the stored ones, with masks replaced. Raises: InvalidRequest.
        """
        unset = {name: value for name, value in given.items() if value is msgspec.UNSET}
        values = {name: value for name, value in given.items() if name not in unset}
        changed = await read(values) if values else {}
        return {name: value for name, value in changed.items() if name in values} | unset

    def check(self, connections: Sequence[NumberedConnection[OptionsT]]) -> None:
        """Raises: OperatorError for a connection that can never work, also for a disabled one with a URL that is none."""
        for one in connections:
            if one.url and (fault := url_fault(one.url)):
                raise self.operator_error("base_urls", self.urls, f"number {one.index}: {fault}")
            if one.options.enable and (fault := self.form.fault(one.options)):
                raise self.option_error(one, fault)

    def option_error(self, connection: NumberedConnection[OptionsT], fault: str) -> OperatorError:
        """Return the error for an option. `fault`: `name: reason`."""
        return self.operator_error("configs", self.configs, f"{connection.index}.{fault}")

    def operator_error(self, setting: str, variable: str, reason: str) -> OperatorError:
        """Return the error for a setting."""
        return OperatorError(f"plugins.{self.plugin}.{setting} ({variable}), {reason}")
