"""Objects of an import: looked at one by one, so that never more than one is anything but bytes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import (
    DomainError,
    InvalidRequest,
    ItemError,
    JSONObject,
    SchemaOf,
    Sharing,
    ValidationError,
    field_error,
    json_error,
    lenient_decoder,
)
from portico_models.model_ids import check_id, normalized_id
from portico_models.records import ModelDraft
from portico_models.schemas import Rights
from portico_models.transfer.imported_rights import imported_sharing, unpacked
from portico_models.validation import read_meta, read_name, read_params

#: Called with how many objects more are done with.
Progress = Callable[[int], None]

#: Objects in one import.
MOST: Final = 100_000
#: Faults after which nothing more is looked at.
MOST_FAULTS: Final = 1000
#: Objects, and bytes of them, that are decoded before others get their turn.
TURN: Final = 50
TURN_BYTES: Final = 64 * 1024
#: The last second of the year 9999.
LATEST: Final = 253_402_300_799
#: What a whole record has to say; the rest has a default.
WHOLE: Final = ("name", "meta", "params")

_EMPTY: Final = msgspec.Raw(b"{}")


class ImportedModel(Rights, kw_only=True):
    """A record as it stands in a file; UNSET is what it does not say. Other keys are passed over."""

    id: Annotated[Any, SchemaOf(str)] = UNSET
    base_model_id: str | None | UnsetType = UNSET
    name: str | UnsetType = UNSET
    meta: JSONObject | UnsetType = UNSET
    params: JSONObject | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    created_at: int | None | UnsetType = UNSET
    user_id: Annotated[Any, SchemaOf(str)] = UNSET


@dataclass(frozen=True, slots=True)
class ImportItem:
    """What is kept of an object while the others are looked at. `base`, `sharing`: UNSET where it says nothing.

    `is_control`: the sharing is an `access_control`, which has no room for others besides everyone. `owner`: whose
    it says it is; None if it does not say. `notes`: what of it is not taken over. `raw`: its bytes.
    """

    index: int
    id: str
    normalized_id: str
    base: str | None | UnsetType
    sharing: Sharing | UnsetType
    created_at: int | None
    is_named: bool
    is_control: bool
    owner: str | None
    notes: list[str]
    raw: msgspec.Raw


@dataclass(slots=True)
class ImportBatch:
    """All objects of one import. `skipped`: the places of those that have no id that could be one."""

    items: list[ImportItem] = field(default_factory=list)
    faults: list[ItemError] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        """Those of all objects, sound or not."""
        return {item.id for item in self.items} | {one.id for one in self.faults if one.id}


async def check_items(
    objects: Sequence[msgspec.Raw], *, whole: bool, is_strict: bool, on_step: Progress
) -> ImportBatch:
    """Look at every object. `whole`: each must be a whole record, and none is skipped.

    `is_strict`: rights that cannot be read are a fault; else the model is private.
    """
    batch = ImportBatch()
    size = 0
    for index, raw in enumerate(objects):
        try:
            _examine(batch, index, raw, whole, is_strict)
        except DomainError as error:
            batch.faults.append(ItemError(index, None, error))
        on_step(1)
        if len(batch.faults) > MOST_FAULTS:
            break
        size += memoryview(raw).nbytes
        if index % TURN == TURN - 1 or size > TURN_BYTES:
            await asyncio.sleep(0)
            size = 0
    return batch


def unlike_a_model(raw: msgspec.Raw) -> bool:
    """Whether an object has no id that could be a model's."""
    try:
        return not isinstance(_decode(raw).id, str)
    except DomainError:
        return False  # something else is wrong with it, and is said with its place


def draft_of(item: ImportItem, before: Mapping[str, Any] | None) -> ModelDraft:
    """The record that an object describes, laid over the row it is to replace. Raises: Misshapen, Invalid."""
    one = _decode(item.raw)
    was: Mapping[str, Any] = before or {"base_model_id": None, "name": "", "is_active": True}
    meta, tags = read_meta(_said(one.meta, was.get("meta")), [])
    return ModelDraft(
        id=item.id,
        base_model_id=was["base_model_id"] if item.base is UNSET else item.base,
        name=was["name"] if one.name is UNSET else read_name(one.name),
        is_active=was["is_active"] if one.is_active is UNSET else one.is_active,
        meta=meta,
        params=read_params(_said(one.params, was.get("params"))),
        tags=tags,
    )


def _examine(
    batch: ImportBatch, index: int, raw: msgspec.Raw, whole: bool, is_strict: bool
) -> None:
    one = _decode(raw)
    if not isinstance(one.id, str) or not one.id:
        if whole:
            raise field_error("id", "string_type", "Expected a text that is not empty")
        batch.skipped.append(index)
        return
    faults = []
    notes: list[str] = []

    def sound(read: Callable[[Any], Any], value: Any) -> Any:
        """What is read, if it can be: one fault does not hide the next."""
        try:
            return value if value is UNSET else read(value)
        except DomainError as error:
            faults.append(ItemError(index, one.id, error))

    if whole:
        sound(_check_whole, one)
    sound(check_id, one.id)
    sound(read_name, one.name)
    sound(lambda meta: read_meta(meta, notes), one.meta)
    sound(read_params, one.params)
    sound(_check_time, one.created_at)
    sharing = sound(lambda raw: imported_sharing(one, raw, notes, is_strict), raw)
    batch.faults += faults
    if not faults:
        batch.items.append(
            ImportItem(
                index=index,
                id=one.id,
                normalized_id=normalized_id(one.id),
                base=one.base_model_id if one.base_model_id is UNSET else one.base_model_id or None,
                sharing=sharing,
                created_at=None if one.created_at is UNSET else one.created_at,
                is_named=one.name is not UNSET,
                is_control=one.access_grants is UNSET,
                owner=one.user_id if isinstance(one.user_id, str) and one.user_id else None,
                notes=notes,
                raw=raw,
            )
        )


_DECODER: Final = lenient_decoder(ImportedModel)


def _decode(raw: msgspec.Raw) -> ImportedModel:
    try:
        one: ImportedModel = _DECODER.decode(raw)
        return unpacked(one)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise json_error(error) from None


def _check_whole(one: ImportedModel) -> None:
    absent = [name for name in WHOLE if getattr(one, name) is UNSET]
    if absent:
        raise ValidationError(
            [{"type": "missing", "loc": ["body", name], "msg": "Field required"} for name in absent]
        )


def _check_time(at: int | None) -> None:
    if at is not None and not 0 <= at <= LATEST:
        raise InvalidRequest("[ERROR: created_at must be a time in seconds since 1970]")


def _said(raw: msgspec.Raw | UnsetType, otherwise: str | None) -> msgspec.Raw:
    """What an object says, else what the row says, else an empty object."""
    if raw is not UNSET:
        return raw
    return _EMPTY if otherwise is None else msgspec.Raw(otherwise.encode())
