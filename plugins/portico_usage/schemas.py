"""JSON bodies of the usage routes. Times are epoch seconds; money is in the currency, for example dollars."""

import msgspec
from msgspec import UNSET, UnsetType

from portico_usage.settings import ModelPriceSettings


class UsageSums(msgspec.Struct, kw_only=True):
    """What calls used together.

    `failed_calls`: those with an outcome other than `completed`. `estimated_calls`: those whose source reported no tokens.
    `unpriced_calls`: those of models without a price, which add nothing to `cost`. `cached_tokens` are part of
    `input_tokens`, `reasoning_tokens` of `output_tokens`.
    """

    calls: int = 0
    failed_calls: int = 0
    estimated_calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0


class UsageGroup(UsageSums, kw_only=True):
    """The sums of one group of calls, with what they have in common: the keys of `group_by`.

    `day`: as 2026-11-30, `month`: as 2026-11, in UTC. An empty id: none, or of a deleted account.
    """

    day: str | UnsetType = UNSET
    month: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    user_name: str | UnsetType = UNSET
    user_email: str | UnsetType = UNSET
    group_id: str | UnsetType = UNSET
    group_name: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    base_model: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    key_id: str | UnsetType = UNSET


class UsageReport(msgspec.Struct, kw_only=True):
    """Sums of calls by group. `total`: of all groups on all pages, with each call once. `next`: the next page, null = there is none."""

    currency: str
    items: list[UsageGroup]
    total: UsageSums
    next: int | None


class UsageCallView(msgspec.Struct, kw_only=True):
    """One call of a model. Empty ids: none, or of a deleted account. `at`: when it ended.

    `model`: as the client named it; `base_model`: as its source does. `outcome`: `completed`, `failed`, `refused` (by a
    filter) or `cancelled` (by the client). `is_estimated`: the source reported no tokens. `cost`: null = the model had no
    price. `first_byte_seconds`: until the source began to answer, null = it did not.
    """

    id: str
    at: int
    user_id: str
    user_name: str
    user_email: str
    group_ids: list[str]
    key_id: str
    chat_id: str
    operation: str
    model: str
    base_model: str
    source: str
    outcome: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    is_estimated: bool
    cost: float | None
    first_byte_seconds: float | None
    seconds: float


class UsageCallPage(msgspec.Struct, kw_only=True):
    """Calls, newest first. `next`: the value of `before` for older ones; null = there are none."""

    currency: str
    items: list[UsageCallView]
    next: str | None


class PriceList(msgspec.Struct, kw_only=True):
    """What models cost: prices of a million tokens, by id. A `*` in an id stands for any text.

    A preset without a price has that of its base model. `pinned`: what the operator has set, and cannot be changed here.
    """

    currency: str
    prices: dict[str, ModelPriceSettings]
    pinned: list[str] = []


class PriceChange(msgspec.Struct, kw_only=True):
    """New prices, which replace all earlier ones; null = unchanged."""

    currency: str | None = None
    prices: dict[str, ModelPriceSettings] | None = None
