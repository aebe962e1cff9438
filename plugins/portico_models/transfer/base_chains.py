"""Which presets of an import stand on which, and whether each one comes to an end."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET

from portico.api import InvalidRequest, ItemError, chunks, fetch_all, placeholders
from portico_models.sharing_rules import CYCLE_MESSAGE, LONGEST_CHAIN, TOO_DEEP_MESSAGE
from portico_models.transfer.items import ImportItem

#: What each record stands on, by its id; None = it is no preset.
Bases = Mapping[str, str | None]


def base_of(item: ImportItem, row: Mapping[str, Any] | None) -> str | None:
    """What a record will stand on: what the object says, else what the row says."""
    if item.base is not UNSET:
        return item.base
    return row["base_model_id"] if row else None


async def bases_below(bases: Bases) -> dict[str, str | None]:
    """What the records stand on that can be reached from these, going from base to base."""
    found: dict[str, str | None] = {}
    wanted = {base for base in bases.values() if base} - set(bases)
    while wanted:
        step: dict[str, str | None] = {}
        for some in chunks(sorted(wanted)):
            sql = f"SELECT id, base_model_id FROM models_model WHERE id IN ({placeholders(len(some))})"  # noqa: S608
            step |= {one["id"]: one["base_model_id"] for one in await fetch_all(sql, *some)}
        found |= step
        wanted = {base for base in step.values() if base} - set(bases) - set(found)
    return found


def chain_faults(items: Iterable[ImportItem], bases: Bases) -> list[ItemError]:
    """Faults of those that end on themselves, or stand on too many others."""
    heights = chain_depths(bases)
    faults = []
    for one in items:
        height = heights[one.id]
        if height is None or height > LONGEST_CHAIN:
            faults.append(
                ItemError(
                    one.index,
                    one.id,
                    InvalidRequest(CYCLE_MESSAGE if height is None else TOO_DEEP_MESSAGE),
                )
            )
    return faults


def chain_depths(bases: Bases) -> dict[str, int | None]:
    """How many presets there are from each one down, itself included; None = one never comes to an end."""
    heights: dict[str, int | None] = {}
    for start in bases:
        path: dict[str, None] = {}
        at: str | None = start
        while at is not None and at in bases and at not in heights and at not in path:
            path[at] = None
            at = bases[at]
        below = heights.get(at or "", 0)
        ends = at not in path and below is not None
        height = below or 0
        for one in reversed(path):
            height += bases[one] is not None
            heights[one] = height if ends else None
    return heights
