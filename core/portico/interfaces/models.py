"""Calls of models by plugins, and what calls cost."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from portico.catalogue import ResolvedModel, SourceResponse
from portico.gateway import TokenUsage
from portico.identity import Actor

#: Amounts of money are whole millionths of the currency, so that sums are exact.
MICROS_PER_UNIT: Final = 1_000_000
_TOKENS_PER_PRICE: Final = 1_000_000


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt for a model. `messages`: as in a completion request; `body`: more of its keys, such as `max_tokens`."""

    target: ResolvedModel
    messages: Sequence[Mapping[str, Any]]
    body: Mapping[str, Any] = {}
    stream: bool = False
    chat_id: str | None = None


class ModelRecord(msgspec.Struct, frozen=True):
    """What a call gets from the record of its model, and from what its client may set.

    `system`: the whole system prompt, with placeholders filled; empty = none. `params`: as in `SourceRequest`.
    """

    system: str
    params: Mapping[str, Any]


class ModelCaller(Protocol):
    """Calls models with prompts of the server, such as one that asks for the title of a chat, and helps endpoints do so.

    A service of the plugin that completes chats.
    """

    async def apply_record(
        self,
        actor: Actor,
        target: ResolvedModel,
        system: str,
        messages: Callable[[], Sequence[msgspec.Raw]],
    ) -> ModelRecord:
        """Return what an endpoint adds to a client's call before it sends it, so that presets work alike on all endpoints.

        `system`: the client's own system prompt, which is left out if the actor may not set one. `messages`: returns the
        conversation as messages of chat completions, if a placeholder needs them.
        """
        ...

    async def call(self, actor: Actor, call: ModelCall) -> SourceResponse:
        """Return the model's response, with the parameters and the system prompt of its record.

        Does not check access: `Catalogue.resolve` has. Close the body of a stream. Raises: all errors of the source.
        """
        ...


class ModelPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The price of a model. Units: millionths of the currency for a million tokens.

    `cached`: of those input tokens that the provider had cached.
    """

    input: int
    output: int
    cached: int

    def cost(self, usage: TokenUsage) -> int:
        """Return what a call costs, in millionths of the currency, rounded."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        total = (
            (usage.input_tokens - cached) * self.input
            + cached * self.cached
            + usage.output_tokens * self.output
        )
        return (total + _TOKENS_PER_PRICE // 2) // _TOKENS_PER_PRICE


class Prices(Protocol):
    """What calls of models cost.

    A service of the plugin that accounts for usage. Without one, no model has a price.
    """

    async def currency(self) -> str:
        """Return the currency of all amounts, such as `USD`. Nothing is converted."""
        ...

    async def price(self, target: ResolvedModel) -> ModelPrice | None:
        """Return the price of a model now, of a preset that has none that of its base model; None = there is none."""
        ...
