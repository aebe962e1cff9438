"""Objects of an import: looked at one by one, so that never more than one is anything but bytes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import (
    DescribedAs,
    Fault,
    Invalid,
    JSONObject,
    Misshapen,
    Refusal,
    Sharing,
    misfit,
    unreadable,
)
from portico_models.documents import read_meta, read_name, read_params
from portico_models.naming import check_id, likeness
from portico_models.records import Draft
from portico_models.schemas import AccessControl

#: Called with how many objects more are done with.
Progress = Callable[[int], None]
#: How a client's `access_control` is read.
ReadSharing = Callable[[Any], Sharing]

#: Objects in one import.
MOST: Final = 100_000
#: Faults after which nothing more is looked at.
MOST_FAULTS: Final = 1000
#: Objects looked at before others get their turn.
TURN: Final = 50
#: The last second of the year 9999.
LATEST: Final = 253_402_300_799
#: What a whole record has to say; the rest has a default.
WHOLE: Final = ("name", "meta", "params")

_EMPTY: Final = msgspec.Raw(b"{}")


class Incoming(msgspec.Struct, kw_only=True):
    """A record as it stands in a file; UNSET is what it does not say. Other keys are passed over."""

    id: Annotated[Any, DescribedAs(str)] = UNSET
    base_model_id: str | None | UnsetType = UNSET
    name: str | UnsetType = UNSET
    meta: JSONObject | UnsetType = UNSET
    params: JSONObject | UnsetType = UNSET
    access_control: AccessControl | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    created_at: int | None | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Item:
    """What is kept of an object while the others are looked at. `base`, `sharing`: UNSET where it says nothing.

    `raw`: its bytes, where they are in the body.
    """

    index: int
    id: str
    likeness: str
    base: str | None | UnsetType
    sharing: Sharing | UnsetType
    created_at: int | None
    is_named: bool
    raw: msgspec.Raw


@dataclass(slots=True)
class Batch:
    """All objects of one import. `skipped`: how many have no id that could be one."""

    items: list[Item] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    skipped: int = 0

    @property
    def ids(self) -> set[str]:
        """Those of all objects, sound or not."""
        return {item.id for item in self.items} | {one.id for one in self.faults if one.id}


async def examine(
    objects: Sequence[msgspec.Raw], read_sharing: ReadSharing, *, whole: bool, on_step: Progress
) -> Batch:
    """Look at every object. `whole`: each must be a whole record, and none is skipped.

    Raises: Invalid if there are too many.
    """
    if len(objects) > MOST:
        raise Invalid(f"[ERROR: at most {MOST} models at once]")
    batch = Batch()
    for index, raw in enumerate(objects):
        try:
            _examine(batch, index, raw, read_sharing, whole)
        except Refusal as error:
            batch.faults.append(Fault(index, None, error))
        on_step(1)
        if len(batch.faults) > MOST_FAULTS:
            break
        if index % TURN == TURN - 1:
            await asyncio.sleep(0)
    return batch


def draft_of(item: Item, before: Mapping[str, Any] | None) -> Draft:
    """The record that an object describes, laid over the row it is to replace. Raises: Misshapen, Invalid."""
    one = _decode(item.raw)
    was: Mapping[str, Any] = before or {"base_model_id": None, "name": "", "is_active": True}
    meta, tags = read_meta(_said(one.meta, was.get("meta")))
    return Draft(
        id=item.id,
        base_model_id=was["base_model_id"] if item.base is UNSET else item.base,
        name=was["name"] if one.name is UNSET else read_name(one.name),
        is_active=was["is_active"] if one.is_active is UNSET else one.is_active,
        meta=meta,
        params=read_params(_said(one.params, was.get("params"))),
        tags=tags,
    )


def _examine(
    batch: Batch, index: int, raw: msgspec.Raw, read_sharing: ReadSharing, whole: bool
) -> None:
    one = _decode(raw)
    if not isinstance(one.id, str) or not one.id:
        if whole:
            raise misfit("id", "string_type", "Expected a text that is not empty")
        batch.skipped += 1
        return
    faults = []

    def sound(read: Callable[[Any], Any], value: Any) -> Any:
        """What is read, if it can be: one fault does not hide the next."""
        try:
            return value if value is UNSET else read(value)
        except Refusal as error:
            faults.append(Fault(index, one.id, error))

    if whole:
        sound(_check_whole, one)
    sound(check_id, one.id)
    sound(read_name, one.name)
    sound(read_meta, one.meta)
    sound(read_params, one.params)
    sound(_check_time, one.created_at)
    sharing = sound(read_sharing, one.access_control)
    batch.faults += faults
    if not faults:
        batch.items.append(
            Item(
                index=index,
                id=one.id,
                likeness=likeness(one.id),
                base=one.base_model_id if one.base_model_id is UNSET else one.base_model_id or None,
                sharing=sharing,
                created_at=None if one.created_at is UNSET else one.created_at,
                is_named=one.name is not UNSET,
                raw=raw,
            )
        )


_DECODER: Final = msgspec.json.Decoder(Incoming)


def _decode(raw: msgspec.Raw) -> Incoming:
    try:
        return _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise unreadable(error) from None


def _check_whole(one: Incoming) -> None:
    absent = [name for name in WHOLE if getattr(one, name) is UNSET]
    if absent:
        raise Misshapen(
            [{"type": "missing", "loc": ["body", name], "msg": "Field required"} for name in absent]
        )


def _check_time(at: int | None) -> None:
    if at is not None and not 0 <= at <= LATEST:
        raise Invalid("[ERROR: created_at must be a time in seconds since 1970]")


def _said(raw: msgspec.Raw | UnsetType, otherwise: str | None) -> msgspec.Raw:
    """What an object says, else what the row says, else an empty object."""
    if raw is not UNSET:
        return raw
    return _EMPTY if otherwise is None else msgspec.Raw(otherwise.encode())
