"""What an import did, or would do."""

from collections.abc import Iterable

import msgspec

from portico.api.json import ItemError
from portico_models.transfer.items import ImportBatch
from portico_models.transfer.plan import PlannedWrite


class RejectedItem(msgspec.Struct):
    """An object that cannot be imported. `index`: its position in the list, from 0."""

    index: int
    id: str | None
    reason: str


class Note(msgspec.Struct):
    """A value of an object that was not imported unchanged. `index`: position of the object in the list, from 0."""

    index: int
    id: str | None
    note: str


class ModelImportReport(msgspec.Struct, kw_only=True):
    """Result of an import, by the ids of the models. `skipped`: number of objects without a usable id.

    `deleted`: of a sync only. `templates`: imported templates, if there were any. `notes`, `template_notes`: values that
    were skipped or replaced, if there were any.
    """

    created: list[str] = []
    updated: list[str] = []
    unchanged: list[str] = []
    deleted: list[str] | msgspec.UnsetType = msgspec.UNSET
    skipped: int = 0
    rejected: list[RejectedItem] = []
    templates: list[str] | msgspec.UnsetType = msgspec.UNSET
    rejected_templates: list[RejectedItem] | msgspec.UnsetType = msgspec.UNSET
    notes: list[Note] | msgspec.UnsetType = msgspec.UNSET
    template_notes: list[Note] | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_complete(self) -> bool:
        """Return whether everything was imported unchanged."""
        return not (self.skipped or self.rejected or self.rejected_templates) and (
            self.notes is msgspec.UNSET and self.template_notes is msgspec.UNSET
        )


def add_notes(report: ModelImportReport, batch: ImportBatch, steps: Iterable[PlannedWrite]) -> None:
    """Add to the report which objects were skipped, and which values were not imported."""
    report.skipped = len(batch.skipped)
    notes = [Note(index, None, "it has no id; skipped") for index in batch.skipped]
    for step in steps:
        item = step.item
        notes += [Note(item.index, item.id, note) for note in (*item.notes, *step.notes)]
    report.notes = sorted(notes, key=lambda note: note.index) or msgspec.UNSET


def rejected_item(error: ItemError) -> RejectedItem:
    """Return an error as a report contains it."""
    return RejectedItem(error.index, error.id, error.reason)
