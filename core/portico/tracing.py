"""Traces: what requests, tasks and socket events did, as spans with their times. A plugin registers what records them.

Without a tracer no span is made, and each place that could make one looks at one context variable. Names of spans and values
of attributes come from the program and the operator, never from users: they are routes, tables, kinds, models and counts.

Attributes are named by the semantic conventions of OpenTelemetry, else they begin with `portico.`. Between processes a
trace is carried as `traceparent`. Source: W3C Trace Context, 3.2.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Final, Literal, NamedTuple, Protocol, Self, runtime_checkable

from portico.context import ContextValue
from portico.errors import DomainError

#: What a span stands for. `server`: a request; `client`: a statement or a request to a model source; `consumer`: a task.
SpanKind = Literal["internal", "server", "client", "producer", "consumer"]
AttributeValue = str | int | float | bool
Attributes = Mapping[str, AttributeValue]

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")
#: The last digits of flags with the one of a sampled trace. Source: W3C Trace Context, 3.2.2.5.
_SAMPLED: Final = frozenset("13579bdf")
_NO_ATTRIBUTES: Final[Attributes] = {}


class Span(Protocol):
    """One span that is being recorded. Its methods are quick and do not block."""

    @property
    def traceparent(self) -> str:
        """What a child names as its parent, in any process."""
        ...

    def rename(self, name: str) -> None:
        """Set another name, now that it is known."""
        ...

    def set(self, name: str, value: AttributeValue) -> None:
        """Set an attribute."""
        ...

    def end(self, error: str) -> None:
        """End the span. `error`: what kind of error it failed with; empty = it did not fail."""
        ...


@runtime_checkable
class Tracer(Protocol):
    """Records spans. `continues_traces`: whether requests of clients may name the trace that they belong to."""

    continues_traces: bool

    def start(
        self, name: str, kind: SpanKind, parent: str, attributes: Attributes, *, is_remote: bool
    ) -> Span | None:
        """Start a span, or return None if nothing is recorded now.

        `parent`: a `traceparent`; empty = a new trace. `is_remote`: the parent is of another process.
        """
        ...


class ActiveTrace(NamedTuple):
    """What a new span of this context becomes a child of."""

    tracing: "Tracing"
    traceparent: str

    @property
    def is_sampled(self) -> bool:
        """Whether spans are recorded. If not, the trace is only passed on."""
        return self.traceparent[-1] in _SAMPLED


_current: ContextVar[ActiveTrace | None] = ContextVar("portico_trace", default=None)
#: Return the trace of this context; None = nothing is traced here.
current_trace: Final = _current.get


class OpenSpan:
    """A span of a `with` block; those that begin in the block are its children. An exception of the block is its error."""

    __slots__ = ("_arguments", "_error", "_is_remote", "_span", "_token", "_tracing")

    def __init__(
        self,
        tracing: "Tracing | None",
        name: str,
        kind: SpanKind,
        parent: str,
        attributes: Attributes,
        *,
        is_remote: bool,
    ) -> None:
        self._tracing = tracing
        self._arguments, self._is_remote = (name, kind, parent, attributes), is_remote
        self._span: Span | None = None
        self._token: Token[ActiveTrace | None] | None = None
        self._error = ""

    def __enter__(self) -> Self:
        if self._tracing is None or (tracer := self._tracing.tracer) is None:
            return self
        try:
            self._span = tracer.start(*self._arguments, is_remote=self._is_remote)
            if self._span is not None:
                active = ActiveTrace(self._tracing, self._span.traceparent)
                self._token = _current.set(active)
        except Exception as error:  # noqa: BLE001 - a tracer must not end a request
            self._fail(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if self._span is None:
            return
        if (
            kind is not None
            and not self._error
            and not isinstance(error, DomainError | asyncio.CancelledError)
        ):
            self._error = kind.__name__
        try:
            self._span.end(self._error)
        except Exception as failure:  # noqa: BLE001
            self._fail(failure)

    @property
    def traceparent(self) -> str:
        """What children in other processes name as their parent; empty = nothing is recorded."""
        return "" if self._span is None else self._span.traceparent

    def rename(self, name: str) -> None:
        """Set another name, now that it is known."""
        if self._span is not None:
            try:
                self._span.rename(name)
            except Exception as error:  # noqa: BLE001
                self._fail(error)

    def set(self, name: str, value: AttributeValue) -> None:
        """Set an attribute."""
        if self._span is not None:
            try:
                self._span.set(name, value)
            except Exception as error:  # noqa: BLE001
                self._fail(error)

    def fail(self, error: str) -> None:
        """Set what kind of error it failed with, where no exception says it."""
        self._error = error

    def _fail(self, error: Exception) -> None:
        self._span = None
        if self._tracing is not None:
            self._tracing.stop(error)


class Tracing:
    """The tracer of one application, if a plugin has registered one.

    `log_failure(plugin, doing, error)`: how it is logged that a tracer raised; it is not used after that.
    """

    def __init__(self, log_failure: Callable[[str, str, Exception], object] | None = None) -> None:
        self._log_failure = log_failure
        self._plugin = ""
        self.tracer: Tracer | None = None

    def use(self, plugin: str, tracer: Tracer) -> None:
        """Record spans with the tracer of this plugin."""
        self._plugin, self.tracer = plugin, tracer

    def remove(self, plugin: str) -> None:
        """Record nothing more with the tracer of this plugin."""
        if plugin == self._plugin:
            self.tracer = None

    def begin(
        self,
        name: str,
        kind: SpanKind,
        parent: str = "",
        attributes: Attributes = _NO_ATTRIBUTES,
    ) -> OpenSpan:
        """Return the first span of this process in a trace. `parent`: as another process has sent it; empty = none."""
        return OpenSpan(self, name, kind, parent, attributes, is_remote=True)

    def attach(self, parent: str) -> ContextValue[ActiveTrace | None]:
        """Have the spans of a `with` block belong to a trace of another process."""
        is_traced = bool(parent) and self.tracer is not None
        return ContextValue(_current, ActiveTrace(self, parent) if is_traced else None)

    def stop(self, error: Exception) -> None:
        """Record nothing more, since the tracer has raised this."""
        self.tracer = None
        if self._log_failure is not None:
            self._log_failure(self._plugin, "recording a trace; it records no more", error)


def span(
    name: str, kind: SpanKind = "internal", attributes: Attributes = _NO_ATTRIBUTES
) -> OpenSpan:
    """Return a span of the trace of this context; one that records nothing if there is none."""
    active = _current.get()
    if active is None or not active.is_sampled:
        return OpenSpan(None, name, kind, "", attributes, is_remote=False)
    return OpenSpan(active.tracing, name, kind, active.traceparent, attributes, is_remote=False)


def current_traceparent() -> str:
    """Return what is sent to another process, so that its spans belong to the trace of this context; empty = no trace."""
    active = _current.get()
    return "" if active is None else active.traceparent


def valid_traceparent(text: str) -> str:
    """Return a `traceparent` that a client sent; empty if it is not a valid one of the version 00."""
    return text if _TRACEPARENT.match(text) else ""
