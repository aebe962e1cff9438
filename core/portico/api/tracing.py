"""Traces: recording them, and spans of a plugin's own work.

What a plugin does while a request is served belongs to the trace of the request, if one is recorded:

    with span("notes render", attributes={"acme_notes.pages": len(pages)}):
        ...

Names and attributes hold no secret, no text of a user, and nothing without a bound on its values.

Constants, types and decorators:

    AttributeValue  A text, a number, or True or False.
    Attributes      Attributes by name.
    SpanKind        `internal`, `server`, `client`, `producer` or `consumer`.
"""

from portico.tracing import (
    Attributes,
    AttributeValue,
    OpenSpan,
    Span,
    SpanKind,
    Tracer,
    current_traceparent,
    span,
)

__all__ = [
    "AttributeValue",
    "Attributes",
    "OpenSpan",
    "Span",
    "SpanKind",
    "Tracer",
    "current_traceparent",
    "span",
]
