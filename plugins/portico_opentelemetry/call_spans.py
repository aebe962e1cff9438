"""Spans of whole calls of models, from the request until the last byte of the answer, with their tokens."""

from typing import Final

from portico.api.models import CallResult, GatewayCall, ModelFilter
from portico.api.tracing import AttributeValue, current_traceparent
from portico_opentelemetry.tracer import SDKTracer

_STATE: Final = "opentelemetry"
_MAX_NAME_CHARS: Final = 128


class CallSpans:
    """Records a span when a call ends, below the span that was open when it began."""

    def __init__(self, tracer: SDKTracer) -> None:
        self._tracer = tracer
        # First of all, so that the time of other filters counts.
        self.model_filter = ModelFilter(
            name="trace", order=-1000, inlet=self._begin, ended=self._end, on_failure="skip"
        )

    async def _begin(self, call: GatewayCall) -> None:
        if parent := current_traceparent():
            call.state[_STATE] = parent

    def _end(self, call: GatewayCall, result: CallResult) -> None:
        parent = call.state.get(_STATE)
        if not parent:
            return
        model = call.request.model[:_MAX_NAME_CHARS]
        attributes: dict[str, AttributeValue] = {
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": result.usage.input_tokens,
            "gen_ai.usage.output_tokens": result.usage.output_tokens,
            "portico.usage.is_estimated": result.usage.is_estimated,
            "portico.operation": call.request.operation,
            "portico.outcome": result.outcome,
        }
        if call.source:
            attributes["gen_ai.provider.name"] = call.source[:_MAX_NAME_CHARS]
        if result.first_byte_seconds is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = result.first_byte_seconds
        if result.outcome == "failed":
            attributes["error.type"] = "failed"
        self._tracer.record(f"model call {model}", parent, attributes, result.seconds)
