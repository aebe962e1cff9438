"""The settings `[plugins.usage]`."""

from typing import Annotated

import msgspec

from portico.api import Section, setting

#: Nothing costs more than this for a million tokens.
MAX_PRICE = 1_000_000


class ModelPriceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price of a million tokens. `cached`: of input tokens that the provider had cached; unset = as `input`."""

    input: Annotated[float, msgspec.Meta(ge=0, le=MAX_PRICE)] = 0.0
    output: Annotated[float, msgspec.Meta(ge=0, le=MAX_PRICE)] = 0.0
    cached: Annotated[float, msgspec.Meta(ge=0, le=MAX_PRICE)] | None = None


class UsageSettings(Section):
    """What models cost, and how long usage is kept."""

    currency: Annotated[
        str,
        setting(
            "Currency of all prices and budgets; nothing is converted",
            env=("PORTICO_USAGE_CURRENCY", "PORTICO_BUDGETS_CURRENCY"),
            runtime_key="usage.currency",
            min_length=1,
            max_length=10,
        ),
    ] = "USD"
    prices: Annotated[
        dict[str, ModelPriceSettings],
        setting(
            "Prices of a million tokens by model: a table with input, output and cached; a * in the id stands for any text",
            env="PORTICO_USAGE_PRICES",
            runtime_key="usage.prices",
        ),
    ] = {}
    keep_calls_days: Annotated[
        int,
        setting("Days for which single calls are kept; 0 = for ever", ge=0, le=36_500),
    ] = 90
    keep_sums_days: Annotated[
        int,
        setting("Days for which the sums of each day are kept; 0 = for ever", ge=0, le=36_500),
    ] = 0
