"""Records spans with the SDK of OpenTelemetry."""

import time
from typing import TYPE_CHECKING, Any, Final

from portico.api.tracing import Attributes, AttributeValue, SpanKind

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as SDKSpan

SCOPE: Final = "portico"


class SDKTracer:
    """Implements `Tracer`. Records nothing until `start_recording`."""

    def __init__(self, *, continues_traces: bool) -> None:
        self.continues_traces = continues_traces
        self._recorder: _Recorder | None = None

    def start_recording(self, provider: "TracerProvider") -> None:
        """Record spans with this provider."""
        self._recorder = _Recorder(provider)

    def stop_recording(self) -> None:
        """Record nothing more. Spans that are open still end."""
        self._recorder = None

    def start(
        self, name: str, kind: SpanKind, parent: str, attributes: Attributes, *, is_remote: bool
    ) -> "RecordedSpan | None":
        """See `Tracer`."""
        if self._recorder is None:
            return None
        return self._recorder.start(name, kind, parent, attributes, is_remote=is_remote)

    def record(self, name: str, parent: str, attributes: Attributes, seconds: float) -> None:
        """Record a span that ends now and began so many seconds ago."""
        if self._recorder is not None:
            self._recorder.record(name, parent, attributes, seconds)


class RecordedSpan:
    """Implements `Span`."""

    __slots__ = ("_failed", "_span", "traceparent")

    def __init__(self, span: "SDKSpan", failed: Any) -> None:
        self._span, self._failed = span, failed
        context = span.get_span_context()
        self.traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    def rename(self, name: str) -> None:
        """See `Span`."""
        self._span.update_name(name)

    def set(self, name: str, value: AttributeValue) -> None:
        """See `Span`."""
        self._span.set_attribute(name, value)

    def end(self, error: str) -> None:
        """See `Span`."""
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(self._failed)
        self._span.end()


class _Recorder:
    """What needs the SDK, which is imported only where spans are recorded."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import trace
        from opentelemetry.context import Context

        self._trace, self._no_context = trace, Context()
        self._tracer = provider.get_tracer(SCOPE)
        self._kinds = {kind.name.lower(): kind for kind in trace.SpanKind}
        self._failed = trace.Status(trace.StatusCode.ERROR)

    def start(
        self, name: str, kind: SpanKind, parent: str, attributes: Attributes, *, is_remote: bool
    ) -> RecordedSpan:
        """As `SDKTracer.start`."""
        span = self._tracer.start_span(
            name,
            context=self._context(parent, is_remote=is_remote),
            kind=self._kinds[kind],
            attributes=attributes,
            record_exception=False,  # its text may quote a user
            set_status_on_exception=False,
        )
        return RecordedSpan(span, self._failed)

    def record(self, name: str, parent: str, attributes: Attributes, seconds: float) -> None:
        """As `SDKTracer.record`."""
        span = self._tracer.start_span(
            name,
            context=self._context(parent, is_remote=False),
            attributes=attributes,
            start_time=time.time_ns() - int(seconds * 1e9),
        )
        if "error.type" in attributes:
            span.set_status(self._failed)
        span.end()

    def _context(self, parent: str, *, is_remote: bool) -> "Context":
        if not parent:
            return self._no_context
        trace = self._trace
        named = trace.SpanContext(
            trace_id=int(parent[3:35], 16),
            span_id=int(parent[36:52], 16),
            is_remote=is_remote,
            trace_flags=trace.TraceFlags(int(parent[53:55], 16)),
        )
        found: Context = trace.set_span_in_context(trace.NonRecordingSpan(named), self._no_context)
        return found
