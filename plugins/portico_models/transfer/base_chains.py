"""Chains of base models in an import, and whether each one ends."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET

from portico.api import InvalidRequest
from portico.api.db import chunks, fetch_all, placeholders
from portico.api.json import ItemError
from portico.api.models import MAX_CHAIN_LENGTH
from portico_models.transfer.items import ModelImportItem
from portico_models.workspace.base_rules import CYCLE_MESSAGE, TOO_DEEP_MESSAGE

#: The base of each model by id; None = it is not a preset.
Bases = Mapping[str, str | None]


def base_of(item: ModelImportItem, row: Mapping[str, Any] | None) -> str | None:
    """Return the base model a model will have: that of the imported object, else that of the row."""
    if item.base_model_id is not UNSET:
        return item.base_model_id
    return row["base_model_id"] if row else None


async def bases_below(bases: Bases) -> dict[str, str | None]:
    """Return the bases of all stored models that can be reached from these, from base to base."""
    rows: dict[str, str | None] = {}
    wanted = {base for base in bases.values() if base} - set(bases)
    while wanted:
        step: dict[str, str | None] = {}
        for batch in chunks(sorted(wanted)):
            sql = f"SELECT id, base_model_id FROM models_model WHERE id IN ({placeholders(len(batch))})"  # noqa: S608
            step |= {one["id"]: one["base_model_id"] for one in await fetch_all(sql, *batch)}
        rows |= step
        wanted = {base for base in step.values() if base} - set(bases) - set(rows)
    return rows


def chain_errors(
    items: Iterable[ModelImportItem], depths: Mapping[str, int | None]
) -> list[ItemError]:
    """Return errors of models that are based on themselves, or on too many others. `depths`: see `chain_depths`."""
    errors = []
    for one in items:
        depth = depths[one.id]
        if depth is None or depth > MAX_CHAIN_LENGTH:
            errors.append(
                ItemError(
                    one.index,
                    one.id,
                    InvalidRequest(CYCLE_MESSAGE if depth is None else TOO_DEEP_MESSAGE),
                )
            )
    return errors


def chain_depths(bases: Bases) -> dict[str, int | None]:
    """Return the number of presets in each chain, the model itself included; None = the chain has a cycle."""
    depths: dict[str, int | None] = {}
    for start in bases:
        path: dict[str, None] = {}
        at: str | None = start
        while at is not None and at in bases and at not in depths and at not in path:
            path[at] = None
            at = bases[at]
        below = depths.get(at or "", 0)
        ends = at not in path and below is not None
        depth = below or 0
        for one in reversed(path):
            depth += bases[one] is not None
            depths[one] = depth if ends else None
    return depths
