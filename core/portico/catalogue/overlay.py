"""What sources offer and what the workspace says about it, laid over each other. No waiting, no rights in here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from portico.catalogue.entry import Entry, base_line, model_line, preset_line
from portico.catalogue.shelf import Shelf
from portico.catalogue.source import ModelCard, ModelSource, WorkspaceModel
from portico.catalogue.target import Target, decoded_params

#: How many presets may stand on one another.
LONGEST_CHAIN = 8


class Overlay:
    """The list of models at one moment. Made anew when a source's list or a record changes; never changed."""

    def __init__(self, shelves: Sequence[Shelf], records: Sequence[WorkspaceModel]) -> None:
        offered = _offered(shelves)
        self.shadowed: Mapping[str, Sequence[str]] = {
            shelf.source.name: [
                card.id for card in shelf.cards or () if offered[card.id][0] is not shelf.source
            ]
            for shelf in shelves
        }
        self.base_document = _document(base_line(card, stale=s) for _, card, s in offered.values())
        self.entries = _entries(offered, records)
        self.by_id = {entry.id: entry for entry in self.entries}
        self.document = _document(entry.line for entry in self.entries)
        self._places = {e.record.id: place for place, e in enumerate(self.entries) if e.record}
        self._open = [place for place, e in enumerate(self.entries) if e.is_public]
        self._closed = [
            place for place, e in enumerate(self.entries) if not (e.record or e.is_public)
        ]
        self._targets: dict[str, Target] = {}

    def document_of(self, records: Iterable[str], *, opened: bool, closed: bool) -> bytes:
        """`{"data": […]}` of the entries with these records, in the order of the list. Costs what is in it.

        `opened`, `closed`: and of those without a record, the ones that are public, and the ones that are not.
        """
        places = [self._places[one] for one in records if one in self._places]
        places += self._open if opened else ()
        places += self._closed if closed else ()
        return _document(self.entries[place].line for place in sorted(places))

    def target(self, entry: Entry) -> Target:
        """Where completions for an entry go."""
        found = self._targets.get(entry.id)
        if found is None:
            found = self._targets[entry.id] = _target(entry)
        return found


def _document(lines: Iterable[bytes]) -> bytes:
    return b'{"data":[' + b",".join(lines) + b"]}"


_Offer = tuple[ModelSource, ModelCard, bool]


def _offered(shelves: Iterable[Shelf]) -> dict[str, _Offer]:
    """Cards by id, in the order of the sources; where two offer the same id, the first source keeps it."""
    offered: dict[str, _Offer] = {}
    for shelf in shelves:
        for card in shelf.cards or ():
            offered.setdefault(card.id, (shelf.source, card, shelf.is_stale))
    return offered


def _entries(offered: Mapping[str, _Offer], records: Sequence[WorkspaceModel]) -> list[Entry]:
    overrides = {record.id: record for record in records if record.base_model_id is None}
    entries = []
    for source, card, stale in offered.values():
        record = _override(card, overrides)
        if record is not None and not record.is_active:
            continue
        entries.append(
            Entry(
                id=card.id,
                name=record.name if record else card.name,
                source=source,
                card=card,
                record=record,
                line=model_line(card, record, stale=stale),
            )
        )
    return entries + _presets(entries, offered, records)


def _override(card: ModelCard, overrides: Mapping[str, WorkspaceModel]) -> WorkspaceModel | None:
    record = overrides.get(card.id)
    if record is None and card.owned_by == "ollama":
        record = overrides.get(card.id.partition(":")[0])
    return record


def _presets(
    entries: Sequence[Entry], offered: Mapping[str, _Offer], records: Sequence[WorkspaceModel]
) -> list[Entry]:
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
    built: dict[str, Entry] = {}

    def stand(model_id: str) -> Entry | None:
        chain: list[WorkspaceModel] = []
        while model_id not in ground:
            step = presets.get(model_id)
            if step is None or len(chain) == LONGEST_CHAIN:  # a ring is a chain without an end
                return None
            chain.append(step)
            model_id = str(step.base_model_id)
        base: Entry = ground[model_id]
        for step in reversed(chain):
            base = built[step.id] = built.get(step.id) or _preset(step, base)
        return base

    return list(filter(None, map(stand, presets)))


def _preset(record: WorkspaceModel, base: Entry) -> Entry:
    return Entry(
        id=record.id,
        name=record.name,
        source=base.source,
        card=base.card,
        record=record,
        base=base,
        line=preset_line(record, base.card),
    )


def _target(entry: Entry) -> Target:
    params: dict[str, Any] = {}
    step: Entry | None = entry
    # The record nearest to the client wins; the base's own override is about using the base directly.
    while step and step.record and (step is entry or step.base):
        params = decoded_params(step.record) | params
        step = step.base
    return Target(
        id=entry.id,
        name=entry.name,
        source=entry.source,
        model=entry.card.id,
        params=params,
    )
