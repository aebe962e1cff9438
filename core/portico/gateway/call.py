"""One call of a model: what was asked, and how it ended."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from portico.catalogue import ResolvedModel, SourceRequest, SourceResponse

#: How a call ended. `refused`: by a filter, before a source was asked. `cancelled`: the client left, or stopped it.
Outcome = Literal["completed", "failed", "refused", "cancelled"]


class GatewayCall(msgspec.Struct, kw_only=True, eq=False):
    """One call of a model. Filters may replace `request` in their inlet, until the source is asked.

    Once the source has answered, `request` has no `body`, `params` and `options`: they may be large, and an answer takes
    minutes.

    `target`: the model as its client named it, with the sources that offer it. `source`: the name of the one that was
    asked last; empty before. `started`: monotonic seconds. `state`: what filters keep for the call, each under its name.
    `announced`: keys that the client of a chat gets before the answer, such as `sources`; filters set them in their inlet.
    """

    id: str
    target: ResolvedModel
    request: SourceRequest
    source: str = ""
    started: float = msgspec.field(default_factory=time.monotonic)
    state: dict[str, Any] = msgspec.field(default_factory=dict)
    announced: dict[str, Any] = msgspec.field(default_factory=dict)


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one call. `cached_tokens` are part of `input_tokens`, `reasoning_tokens` of `output_tokens`.

    `is_estimated`: the source did not report them.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimated: bool = False


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended.

    `error`: the sentence that the client was sent; empty if there was none. `first_byte_seconds`: until the source began
    to answer; None if it did not. `seconds`: until the end.
    """

    outcome: Outcome
    usage: TokenUsage
    seconds: float
    first_byte_seconds: float | None = None
    error: str = ""


class GatewayResponse(SourceResponse, frozen=True, kw_only=True):
    """The response of a source, after the filters.

    `outlet`: what the caller that deferred the outlets has to call once, with the whole text of the reply; it returns
    the text to store. None = there is nothing to call.
    """

    outlet: Callable[[str], Awaitable[str]] | None = None
