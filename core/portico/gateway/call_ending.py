"""Tells filters how a call ended."""

import time
from typing import Final

import msgspec

from portico.errors import DomainError
from portico.gateway.call import CallResult, GatewayCall, Outcome, TokenUsage
from portico.gateway.filter_set import FilterSet
from portico.gateway.text_codecs import text_codec
from portico.gateway.usage_reader import UsageReader

BROKE_OFF: Final = "The answer broke off."


class CallEnding:
    """Tells the filters how one call ended, once. `usage` reads the answer, `codec` finds its text.

    Created before the source is asked.
    """

    def __init__(self, call: GatewayCall, filters: FilterSet) -> None:
        self._call, self._filters = call, filters
        self.usage = UsageReader(call)
        self.codec = text_codec(call.request.operation)
        self._first_byte_seconds: float | None = None
        self._is_told = False

    def begin_answer(self, *, is_stream: bool) -> None:
        """Note that the source has begun to answer, and let the request go, which would take memory during a stream."""
        call = self._call
        self._first_byte_seconds = time.monotonic() - call.started
        if not is_stream:
            return
        self.usage.begin_answer()
        call.request = msgspec.structs.replace(
            call.request, body={}, params={}, options={}, added_files=None
        )

    def __call__(self, outcome: Outcome, error: str = "") -> None:
        """Tell the filters. Another call does nothing."""
        if self._is_told:
            return
        self._is_told = True
        result = CallResult(
            outcome=outcome,
            usage=self._usage(outcome),
            seconds=time.monotonic() - self._call.started,
            first_byte_seconds=self._first_byte_seconds,
            error=error,
        )
        self._filters.ended(self._call, result)

    def _usage(self, outcome: Outcome) -> TokenUsage:
        """Return the usage; nothing if the source was not asked, or answered with an error.

        A call whose client left before the answer began has cost the source its input.
        """
        if not self._call.source or (outcome != "cancelled" and not self.usage.has_answer):
            return TokenUsage()
        return self.usage.usage()

    def fail(self, error: BaseException, outcome: Outcome = "failed") -> None:
        """Tell the filters of a failure; of a cancellation, if the error is not an `Exception`."""
        if not isinstance(error, Exception):
            self("cancelled")
        else:
            self(outcome, error.detail if isinstance(error, DomainError) else BROKE_OFF)
