"""What models cost: the prices that the operator or an administrator has set."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import AppContext
from portico.api.interfaces import MICROS_PER_UNIT, ModelPrice
from portico.api.models import ResolvedModel
from portico_usage.schemas import PriceChange, PriceList
from portico_usage.settings import ModelPriceSettings, UsageSettings

#: The names of the settings that administrators may change.
_VARIABLES: Final = {"currency": "PORTICO_USAGE_CURRENCY", "prices": "PORTICO_USAGE_PRICES"}
#: Models whose price is remembered. Clients may name only models that exist.
MAX_REMEMBERED = 1000


class PriceTable:
    """The prices at one time. An exact id counts more than a pattern, a longer pattern more than a shorter one."""

    def __init__(self, prices: Mapping[str, ModelPriceSettings]) -> None:
        self._exact = {name: _price(one) for name, one in prices.items() if "*" not in name}
        patterns = sorted((name for name in prices if "*" in name), key=_specificity)
        self._patterns = [(name, _price(prices[name])) for name in patterns]
        self._found: dict[tuple[str, str], ModelPrice | None] = {}

    def find(self, model: str, base_model: str) -> ModelPrice | None:
        """Return the price of a model, else of what it is based on; None if there is none."""
        key = model, base_model
        if key not in self._found:
            if len(self._found) >= MAX_REMEMBERED:
                self._found.clear()
            self._found[key] = self._search(model, base_model)
        return self._found[key]

    def _search(self, *ids: str) -> ModelPrice | None:
        for one in ids:
            if one in self._exact:
                return self._exact[one]
        for one in ids:
            for pattern, price in self._patterns:
                if _matches(pattern, one):
                    return price
        return None


class ModelPrices:
    """The prices now. The service `Prices`."""

    def __init__(self, app: AppContext) -> None:
        self._runtime_settings = app.runtime_settings
        self._section = app.runtime_settings.section(UsageSettings)
        self._read: UsageSettings | None = None
        self._table = PriceTable({})

    async def currency(self) -> str:
        """Return the currency of all amounts (part of `Prices`)."""
        return (await self._section.current()).currency

    async def price(self, target: ResolvedModel) -> ModelPrice | None:
        """Return the price of a model now, of a preset that has none that of its base model (part of `Prices`)."""
        return (await self.table()).find(target.id, target.model)

    async def all(self) -> PriceList:
        """Return the prices of all models."""
        settings = await self._section.current()
        return PriceList(
            currency=settings.currency,
            prices=settings.prices,
            pinned=sorted(self._section.pinned & _VARIABLES.keys()),
        )

    async def change(self, change: PriceChange, by: str) -> PriceList:
        """Replace prices, the currency or both, and return what is in force then. `by`: id of the account.

        Raises: InvalidRequest for a value that the operator has set, or that is not valid.
        """
        given: dict[str, Any] = {}
        if change.currency is not None:
            given[_VARIABLES["currency"]] = change.currency
        if change.prices is not None and change.prices != (await self._section.current()).prices:
            given[_VARIABLES["prices"]] = msgspec.to_builtins(change.prices)
        await self._runtime_settings.change(given, by)
        return await self.all()

    async def table(self) -> PriceTable:
        """Return all prices as they are now."""
        settings = await self._section.current()
        if settings is not self._read:
            self._read, self._table = settings, PriceTable(settings.prices)
        return self._table


def _price(settings: ModelPriceSettings) -> ModelPrice:
    cached = settings.input if settings.cached is None else settings.cached
    return ModelPrice(
        input=round(settings.input * MICROS_PER_UNIT),
        output=round(settings.output * MICROS_PER_UNIT),
        cached=round(cached * MICROS_PER_UNIT),
    )


def _specificity(name: str) -> tuple[int, str]:
    return -len(name.replace("*", "")), name


def _matches(pattern: str, text: str) -> bool:
    """Return whether a pattern matches, in linear time. `*` stands for any text."""
    first, *middle, last = pattern.split("*")
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        if (found := text.find(part, at, end)) < 0:
            return False
        at = found + len(part)
    return True
