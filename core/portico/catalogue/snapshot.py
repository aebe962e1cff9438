"""What sources offer and what the workspace says about it, laid over each other. No waiting, no rights in here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from portico.catalogue.arena import Arena
from portico.catalogue.model_entry import (
    ModelEntry,
    render_model,
    render_preset,
    render_source_model,
)
from portico.catalogue.resolved_model import ResolvedModel, decoded_params
from portico.catalogue.source import ModelCard, ModelSource, WorkspaceModel
from portico.catalogue.source_cache import CachedSource

#: How many presets may stand on one another.
LONGEST_CHAIN = 8


class CatalogueSnapshot:
    """The list of models at one moment. Made anew when a source's list or a record changes; never changed.

    `order`: ids that come first, in this order; if it is not empty, the others follow by name. `before`: the list this
    one takes the place of; what has not changed since is not encoded again.
    """

    def __init__(
        self,
        shelves: Sequence[CachedSource],
        records: Sequence[WorkspaceModel],
        arenas: Sequence[Arena] = (),
        order: Sequence[str] = (),
        before: "CatalogueSnapshot | None" = None,
    ) -> None:
        self._lines: EntryJSONCache = EntryJSONCache(before._lines if before else None)
        offered = _source_models(shelves)
        self.shadowed: Mapping[str, Sequence[str]] = {
            shelf.source.name: [
                card.id for card in shelf.cards or () if offered[card.id][0] is not shelf.source
            ]
            for shelf in shelves
        }
        self.base_document = _document(
            render_source_model(card, stale=s) for _, card, s in offered.values()
        )
        self.offered = frozenset(offered)
        base = _base(offered, records, self._lines)
        presets = _presets(base, offered, records, self._lines)
        self.entries = [*base, *presets]
        self.by_id = {entry.id: entry for entry in self.entries}
        self.arenas = {a.id: a for a in arenas if base and a.id not in self.by_id}
        self._items = _ordered([*base, *self.arenas.values(), *presets], order)
        self.document = _document(item.json for item in self._items)
        # A record may be about several models: one of `llama3` is about each of its tags.
        self._places: dict[str, list[int]] = {}
        self._open: list[int] = []
        self._closed: list[int] = []
        for place, item in enumerate(self._items):
            if isinstance(item, Arena):
                self._places.setdefault(item.id, []).append(place)
            elif item.record:
                self._places.setdefault(item.record.id, []).append(place)
            else:
                (self._open if item.is_public else self._closed).append(place)
        self._targets: dict[str, ResolvedModel] = {}

    def render(self, ids: Iterable[str], *, opened: bool, closed: bool) -> bytes:
        """`{"data": […]}` of some of the list, in its order. Costs what is in it.

        `ids`: of records, and of models that stand for others. `opened`, `closed`: and of those that sources offer
        and no record is about, the ones that are public, and the ones that are not.
        """
        places = [place for one in ids for place in self._places.get(one, ())]
        places += self._open if opened else ()
        places += self._closed if closed else ()
        return _document(self._items[place].json for place in sorted(places))

    def presets_among(self, ids: Iterable[str]) -> list[ModelEntry]:
        """The entries with these records that stand on another."""
        items = (self._items[place] for one in ids for place in self._places.get(one, ()))
        return [item for item in items if isinstance(item, ModelEntry) and item.base is not None]

    def target(self, entry: ModelEntry) -> ResolvedModel:
        """Where completions for an entry go."""
        found = self._targets.get(entry.id)
        if found is None:
            found = self._targets[entry.id] = _target(entry)
        return found


class EntryJSONCache:
    """The JSON of entries. What an earlier list had of the same record and the same card is taken from there."""

    def __init__(self, before: "EntryJSONCache | None" = None) -> None:
        self._before = before._known if before else {}
        self._known: dict[str, tuple[object, ...]] = {}

    def of(self, model_id: str, *parts: Any, encode: Callable[[], bytes]) -> bytes:
        """The line of a model that is made of these parts, compared by what they are, not by what is in them."""
        found = self._before.get(model_id)
        if found is None or any(a is not b for a, b in zip(found, parts, strict=False)):
            found = (*parts, encode())
        self._known[model_id] = found
        return found[-1]  # type: ignore[return-value]


def _document(lines: Iterable[bytes]) -> bytes:
    return b'{"data":[' + b",".join(lines) + b"]}"


_SourceModel = tuple[ModelSource, ModelCard, bool]


def _source_models(shelves: Iterable[CachedSource]) -> dict[str, _SourceModel]:
    """Cards by id, in the order of the sources; where two offer the same id, the first source keeps it."""
    offered: dict[str, _SourceModel] = {}
    for shelf in shelves:
        for card in shelf.cards or ():
            offered.setdefault(card.id, (shelf.source, card, shelf.is_stale))
    return offered


def _ordered(items: list[ModelEntry | Arena], order: Sequence[str]) -> list[ModelEntry | Arena]:
    if not order:
        return items
    rank = {model_id: place for place, model_id in enumerate(order)}
    return sorted(items, key=lambda item: (rank.get(item.id, len(rank)), item.name))


def _base(
    offered: Mapping[str, _SourceModel], records: Sequence[WorkspaceModel], lines: EntryJSONCache
) -> list[ModelEntry]:
    """What sources offer, as their overrides will have it."""
    overrides = {record.id: record for record in records if record.base_model_id is None}
    entries = []
    for source, card, stale in offered.values():
        record = _override(card, overrides)
        if record is not None and not record.is_active:
            continue
        entries.append(
            ModelEntry(
                id=card.id,
                name=record.name if record else card.name,
                source=source,
                card=card,
                record=record,
                json=lines.of(
                    card.id,
                    card,
                    record,
                    stale,
                    encode=partial(render_model, card, record, stale=stale),
                ),
            )
        )
    return entries


def _override(card: ModelCard, overrides: Mapping[str, WorkspaceModel]) -> WorkspaceModel | None:
    record = overrides.get(card.id)
    if record is None and card.owned_by == "ollama":
        record = overrides.get(card.id.partition(":")[0])
    return record


def _presets(
    entries: Sequence[ModelEntry],
    offered: Mapping[str, _SourceModel],
    records: Sequence[WorkspaceModel],
    lines: EntryJSONCache,
) -> list[ModelEntry]:
    """Active presets that stand on something, by way of other presets or not, in the order of the records."""
    presets = {
        record.id: record
        for record in records
        if record.base_model_id is not None and record.is_active and record.id not in offered
    }
    ground = {entry.id: entry for entry in entries}
    for entry in entries:
        if entry.card.owned_by == "ollama":
            ground.setdefault(entry.id.partition(":")[0], entry)
    built: dict[str, ModelEntry] = {}

    def stand(model_id: str) -> ModelEntry | None:
        chain: list[WorkspaceModel] = []
        while model_id not in ground:
            step = presets.get(model_id)
            if step is None or len(chain) == LONGEST_CHAIN:  # a ring is a chain without an end
                return None
            chain.append(step)
            model_id = str(step.base_model_id)
        base: ModelEntry = ground[model_id]
        for step in reversed(chain):
            base = built[step.id] = built.get(step.id) or _preset(step, base, lines)
        return base

    return list(filter(None, map(stand, presets)))


def _preset(record: WorkspaceModel, base: ModelEntry, lines: EntryJSONCache) -> ModelEntry:
    return ModelEntry(
        id=record.id,
        name=record.name,
        source=base.source,
        card=base.card,
        record=record,
        base=base,
        json=lines.of(
            record.id, record, base.card, encode=partial(render_preset, record, base.card)
        ),
    )


def _target(entry: ModelEntry) -> ResolvedModel:
    params: dict[str, Any] = {}
    step: ModelEntry | None = entry
    # The record nearest to the client wins; the base's own override is about using the base directly.
    while step and step.record and (step is entry or step.base):
        params = decoded_params(step.record) | params
        step = step.base
    return ResolvedModel(
        id=entry.id,
        name=entry.name,
        source=entry.source,
        model=entry.card.id,
        params=params,
    )
