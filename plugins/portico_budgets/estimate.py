"""How many tokens a call may use, before it is made."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api.json import decode_anything
from portico.api.models import Operation, SourceRequest, TokenUsage

#: Bytes of a request for one token, on average.
BYTES_PER_TOKEN: Final = 4
#: Tokens that are expected of a request at most: most of a larger one are images, which cost less than their bytes.
MAX_INPUT_TOKENS: Final = 32_000
#: Names of the largest number of tokens of an answer. A name that an endpoint does not know limits nothing there.
_MAXIMA: Final[Mapping[Operation, tuple[str, ...]]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
}
MAX_TOKENS: Final = 10**9
#: Answers that one call is expected to have at most, whatever its client asks for: OpenAI's limit.
MAX_ANSWERS: Final = 128


class Estimate(msgspec.Struct, frozen=True):
    """The tokens that a call is expected to use at most. `is_limited`: its client has limited the answer."""

    input_tokens: int
    output_tokens: int
    is_limited: bool

    @property
    def usage(self) -> TokenUsage:
        """The whole, as a usage."""
        return TokenUsage(input_tokens=self.input_tokens, output_tokens=self.output_tokens)

    @property
    def least_usage(self) -> TokenUsage:
        """What has to be left of a budget at least: the whole answer, if its client has said how long it may be."""
        return TokenUsage(output_tokens=self.output_tokens if self.is_limited else 0)


def estimate(request: SourceRequest, default_output_tokens: int) -> Estimate:
    """Return an estimate for a request. `default_output_tokens`: of an answer without a limit."""
    size = sum(len(memoryview(value)) for value in request.body.values())
    input_tokens = min(size // BYTES_PER_TOKEN + 1, MAX_INPUT_TOKENS)
    if request.operation == "embeddings":
        return Estimate(input_tokens, 0, is_limited=True)
    limits = [n for name in _MAXIMA[request.operation] if (n := _number(request, name))]
    limit = max(limits, default=None)  # which one counts is up to the provider
    answers = min(_number(request, "n") or 1, MAX_ANSWERS)
    output_tokens = min((limit or default_output_tokens) * answers, MAX_TOKENS)
    return Estimate(input_tokens, output_tokens, is_limited=limit is not None)


def _number(request: SourceRequest, name: str) -> int | None:
    value: Any = request.params.get(name)
    if value is None and name in request.body:
        try:
            value = decode_anything(request.body[name])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None  # a number that is too large for one; the provider says so
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < MAX_TOKENS:
        return int(value) or None
    return None
