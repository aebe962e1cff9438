"""The immutable model list: models of sources merged with workspace records. Without I/O and without access checks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from portico.catalogue.arena import Arena
from portico.catalogue.message_action import MessageActions
from portico.catalogue.model_entry import (
    ModelEntry,
    render_model,
    render_preset,
    render_source_model,
)
from portico.catalogue.resolved_model import ResolvedModel, decoded_params, knowledge_of
from portico.catalogue.source import MAX_CHAIN_LENGTH, ModelCard, ModelSource, WorkspaceModel
from portico.catalogue.source_cache import CachedSource

NO_ACTIONS = MessageActions()


class CatalogueSnapshot:
    """The immutable list of models. A new one is built when a source's list or a record changes.

    `order`: ids that come first, in this order; if it is not empty, the others follow by name. `previous`: the snapshot
    that this one repositions; entries that did not change are not encoded again.
    """

    def __init__(
        self,
        sources: Sequence[CachedSource],
        records: Sequence[WorkspaceModel],
        arenas: Sequence[Arena] = (),
        order: Sequence[str] = (),
        previous: "CatalogueSnapshot | None" = None,
        *,
        actions: MessageActions = NO_ACTIONS,
    ) -> None:
        self._json: EntryJSONCache = EntryJSONCache(actions, previous._json if previous else None)
        source_models = _source_models(sources)
        self.base_document = _document(
            render_source_model(model.card, stale=model.is_stale)
            for model in source_models.values()
        )
        self.source_model_ids = frozenset(source_models)
        base = _base(source_models, records, self._json)
        presets = _presets(base, source_models, records, self._json)
        self.shared, self.shadowed = _shared_and_shadowed(sources, base)
        self.entries = [*base, *presets]
        self.by_id = {entry.id: entry for entry in self.entries}
        self.arenas = {a.id: a for a in arenas if base and a.id not in self.by_id}
        self._items = _ordered([*base, *self.arenas.values(), *presets], order)
        self.document = _document(item.json for item in self._items)
        # A record may apply to several models: one of `llama3` applies to each of its tags.
        self._positions: dict[str, list[int]] = {}
        self._public: list[int] = []
        self._private: list[int] = []
        for position, item in enumerate(self._items):
            if isinstance(item, Arena):
                self._positions.setdefault(item.id, []).append(position)
            elif item.record:
                self._positions.setdefault(item.record.id, []).append(position)
            else:
                (self._public if item.is_public else self._private).append(position)
        self._resolved: dict[str, ResolvedModel] = {}

    def render(self, ids: Iterable[str], *, include_public: bool, include_private: bool) -> bytes:
        """Return `{"data": […]}` with some entries, in the order of the list.

        `ids`: of records and arena models. `include_public`, `include_private`: also the source models without a
        record that are public, and those that are not.
        """
        positions = [position for one in ids for position in self._positions.get(one, ())]
        positions += self._public if include_public else ()
        positions += self._private if include_private else ()
        return _document(self._items[position].json for position in sorted(positions))

    def presets_among(self, ids: Iterable[str]) -> list[ModelEntry]:
        """Return the entries with these records that are presets."""
        items = (self._items[position] for one in ids for position in self._positions.get(one, ()))
        return [item for item in items if isinstance(item, ModelEntry) and item.base is not None]

    def resolve(self, entry: ModelEntry) -> ResolvedModel:
        """Return where completion requests for an entry go."""
        found = self._resolved.get(entry.id)
        if found is None:
            found = self._resolved[entry.id] = _target(entry)
        return found


class EntryJSONCache:
    """The JSON of entries, with these actions. Taken from the previous snapshot if the record and the card are the same objects."""

    def __init__(self, actions: MessageActions, before: "EntryJSONCache | None" = None) -> None:
        self.actions = actions
        self._before = before._known if before and before.actions is actions else {}
        self._known: dict[str, tuple[object, ...]] = {}

    def of(self, model_id: str, *parts: Any, encode: Callable[[], bytes]) -> bytes:
        """Return the JSON of a model that depends on these parts, which are compared by identity."""
        found = self._before.get(model_id)
        if found is None or any(a is not b for a, b in zip(found, parts, strict=False)):
            found = (*parts, encode())
        self._known[model_id] = found
        return found[-1]  # type: ignore[return-value]


def _document(entries: Iterable[bytes]) -> bytes:
    return b'{"data":[' + b",".join(entries) + b"]}"


class _Offer(NamedTuple):
    """A model as one source offers it."""

    source: ModelSource
    card: ModelCard
    is_stale: bool


class _SourceModel(NamedTuple):
    """A model with all its offers, in the order of the sources. The first one is what users see."""

    offers: list[_Offer]

    @property
    def card(self) -> ModelCard:
        return self.offers[0].card

    @property
    def is_stale(self) -> bool:
        return all(offer.is_stale for offer in self.offers)

    @property
    def stale(self) -> tuple[ModelSource, ...]:
        return tuple(offer.source for offer in self.offers if offer.is_stale)

    def sources(self, *, has_record: bool) -> tuple[ModelSource, ...]:
        """Return the sources that may be asked.

        The first card says who may use the model, unless there is a record, and whether it is local. So a source is left
        out that is for administrators only where the first is public, or external where the first is local.
        """
        first = self.card
        return tuple(
            offer.source
            for offer in self.offers
            if (has_record or offer.card.public or not first.public)
            and (offer.card.connection_type == "local" or first.connection_type != "local")
        )


def _source_models(sources: Iterable[CachedSource]) -> dict[str, _SourceModel]:
    """Return the models by id, in the order of the sources."""
    found: dict[str, _SourceModel] = {}
    for source in sources:
        stale = source.is_stale
        for card in source.cards or ():
            offer = _Offer(source.source, card, stale)
            if (known := found.get(card.id)) is None:
                found[card.id] = _SourceModel([offer])
            else:
                known.offers.append(offer)
    return found


_IdsBySource = Mapping[str, Sequence[str]]


def _shared_and_shadowed(
    sources: Iterable[CachedSource], base: Iterable[ModelEntry]
) -> tuple[_IdsBySource, _IdsBySource]:
    """Return the ids that a source offers as others do, and those for which it is not asked, by its name."""
    used = {entry.id: entry.sources for entry in base}
    shared: dict[str, list[str]] = {}
    shadowed: dict[str, list[str]] = {}
    for one in sources:
        for card in one.cards or ():
            if (among := used.get(card.id)) is None:
                continue
            if one.source not in among:
                shadowed.setdefault(one.source.name, []).append(card.id)
            elif len(among) > 1:
                shared.setdefault(one.source.name, []).append(card.id)
    return shared, shadowed


def _ordered(items: list[ModelEntry | Arena], order: Sequence[str]) -> list[ModelEntry | Arena]:
    if not order:
        return items
    rank = {model_id: position for position, model_id in enumerate(order)}
    return sorted(items, key=lambda item: (rank.get(item.id, len(rank)), item.name))


def _base(
    source_models: Mapping[str, _SourceModel],
    records: Sequence[WorkspaceModel],
    json_cache: EntryJSONCache,
) -> list[ModelEntry]:
    """Return the models of sources with their overrides; inactive overrides hide a model."""
    overrides = {record.id: record for record in records if record.base_model_id is None}
    entries = []
    for model in source_models.values():
        card, stale = model.card, model.is_stale
        record = _override(card, overrides)
        if record is not None and not record.is_active:
            continue
        entries.append(
            ModelEntry(
                id=card.id,
                name=record.name if record else card.name,
                sources=model.sources(has_record=record is not None),
                stale=model.stale,
                card=card,
                record=record,
                json=json_cache.of(
                    card.id,
                    card,
                    record,
                    stale,
                    encode=partial(render_model, card, record, json_cache.actions, stale=stale),
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
    source_models: Mapping[str, _SourceModel],
    records: Sequence[WorkspaceModel],
    json_cache: EntryJSONCache,
) -> list[ModelEntry]:
    """Return the active presets whose base model exists, directly or through other presets, in the order of records."""
    presets = {
        record.id: record
        for record in records
        if record.base_model_id is not None and record.is_active and record.id not in source_models
    }
    base_entries = {entry.id: entry for entry in entries}
    for entry in entries:
        if entry.card.owned_by == "ollama":
            base_entries.setdefault(entry.id.partition(":")[0], entry)
    built: dict[str, ModelEntry] = {}

    def build(model_id: str) -> ModelEntry | None:
        chain: list[WorkspaceModel] = []
        while model_id not in base_entries:
            step = presets.get(model_id)
            if step is None or len(chain) == MAX_CHAIN_LENGTH:  # a cycle never ends
                return None
            chain.append(step)
            model_id = str(step.base_model_id)
        base: ModelEntry = base_entries[model_id]
        for step in reversed(chain):
            base = built[step.id] = built.get(step.id) or _preset(step, base, json_cache)
        return base

    return list(filter(None, map(build, presets)))


def _preset(record: WorkspaceModel, base: ModelEntry, json_cache: EntryJSONCache) -> ModelEntry:
    return ModelEntry(
        id=record.id,
        name=record.name,
        sources=base.sources,
        stale=base.stale,
        card=base.card,
        record=record,
        base=base,
        json=json_cache.of(
            record.id,
            record,
            base.card,
            encode=partial(render_preset, record, base.card, json_cache.actions),
        ),
    )


def _target(entry: ModelEntry) -> ResolvedModel:
    params: dict[str, Any] = {}
    step: ModelEntry | None = entry
    # The preset's own parameters win; the override of its base applies only if the base is used directly.
    while step and step.record and (step is entry or step.base):
        params = decoded_params(step.record) | params
        step = step.base
    return ResolvedModel(
        id=entry.id,
        name=entry.name,
        sources=entry.sources,
        stale=entry.stale,
        model=entry.card.id,
        params=params,
        owner_id=entry.record.owner_id if entry.record else None,
        knowledge=knowledge_of(entry.record) if entry.record else (),
        connection_type=entry.card.connection_type,
    )
