"""The filters of one operation, sorted by what they do, and how their callbacks are run."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from portico.errors import DomainError, SourceFailed
from portico.gateway.call import CallResult, GatewayCall
from portico.gateway.model_filter import ModelFilter
from portico.plugin_errors.plugin_exit import is_failure
from portico.time_limit import within

#: Logs an exception of a plugin: its name, what it was doing, the exception.
LogFailure = Callable[[str, str, BaseException], object]


class OwnedFilter(NamedTuple):
    """A filter and the plugin that registered it."""

    plugin: str
    filter: ModelFilter

    @property
    def name(self) -> str:
        """The name of the filter in logs and errors."""
        return f"{self.plugin}:{self.filter.name}"


class FilterFailed(SourceFailed):
    """A filter whose failure ends the call has failed."""


class FilterSet:
    """The filters of one operation. `editors` and `outlets` run in the reverse order of `inlets`."""

    def __init__(self, filters: Sequence[OwnedFilter], log_failure: LogFailure) -> None:
        ordered = sorted(filters, key=lambda one: (one.filter.order, one.name))
        self.inlets = [one for one in ordered if one.filter.inlet]
        self.editors = [one for one in reversed(ordered) if _edits(one.filter)]
        self.outlets = [one for one in reversed(ordered) if one.filter.outlet]
        self._observers = [one for one in ordered if one.filter.ended]
        self._log_failure = log_failure

    def __bool__(self) -> bool:
        """Whether there is any filter."""
        return bool(self.inlets or self.editors or self.outlets or self._observers)

    async def inlet(self, call: GatewayCall) -> None:
        """Have each filter see the request. Raises: the domain error of a filter that refuses it; FilterFailed."""
        for one in self.inlets:
            before, announced = call.request, dict(call.announced)
            try:
                await within(one.filter.time_limit, one.filter.inlet(call))  # type: ignore[misc]  # of `inlets`
            except DomainError:
                raise
            except BaseException as error:
                if not is_failure(error):
                    raise
                self.failed(one, "inlet", error)
                call.request, call.announced = before, announced

    async def outlet(self, call: GatewayCall, text: str) -> str:
        """Have each filter see the whole text, and return what they make of it. Raises: DomainError of a filter."""
        for one in self.outlets:
            try:
                changed: Any = await within(one.filter.time_limit, one.filter.outlet(call, text))  # type: ignore[misc]  # of `outlets`
                if not isinstance(changed, str):
                    raise TypeError(f"outlet returned {type(changed).__name__}, expected str")
                text = changed
            except DomainError:
                raise
            except BaseException as error:
                if not is_failure(error):
                    raise
                self.failed(one, "outlet", error)
        return text

    def ended(self, call: GatewayCall, result: CallResult) -> None:
        """Tell each filter how the call ended."""
        for one in self._observers:
            try:
                one.filter.ended(call, result)  # type: ignore[misc]  # of `_observers`
            except BaseException as error:  # the others must learn of it too
                if not is_failure(error):
                    raise
                self._log_failure(one.plugin, f"ended of the filter {one.name}", error)

    def failed(self, one: OwnedFilter, doing: str, error: BaseException) -> None:
        """Log the failure of a filter. Raises: FilterFailed, unless the filter is to be skipped."""
        self._log_failure(one.plugin, f"{doing} of the filter {one.name}", error)
        if one.filter.on_failure == "abort":
            raise FilterFailed(f"The filter {one.name!r} failed.") from error


def _edits(one: ModelFilter) -> bool:
    return bool(one.edit_blocks or one.edit_events or one.edit_text)
