"""Objects of an import, validated one by one, so that only one at a time is decoded."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import DomainError, InvalidRequest, ValidationError
from portico.api.json import (
    ItemError,
    JSONObject,
    SchemaOf,
    fault,
    field_error,
    json_error,
    lenient_decoder,
)
from portico.api.policy import Sharing
from portico.api.resources import AccessFields, imported_sharing
from portico.api.text import normalized_id
from portico_models.fields.model_ids import check_id
from portico_models.fields.packed_documents import unpack_documents
from portico_models.fields.validation import MAX_MODEL_BYTES, read_meta, read_name, read_params
from portico_models.records.draft import ModelDraft
from portico_models.transfer.options import ImportOptions

#: Objects in one import.
MAX_MODELS: Final = 100_000
#: Errors after which the check stops.
MAX_ERRORS: Final = 1000
#: Objects, and bytes of them, that are decoded before other tasks run.
ITEMS_PER_STEP: Final = 50
BYTES_PER_STEP: Final = 64 * 1024
#: The last second of the year 9999.
MAX_TIMESTAMP: Final = 253_402_300_799
#: Keys of a complete model; all others have defaults.
REQUIRED_KEYS: Final = ("name", "meta", "params")

_EMPTY: Final = msgspec.Raw(b"{}")


class ImportedModel(AccessFields, kw_only=True):
    """A model in an import file; absent keys are UNSET, unknown keys are ignored."""

    id: Annotated[Any, SchemaOf(str)] = UNSET
    base_model_id: str | None | UnsetType = UNSET
    name: str | UnsetType = UNSET
    meta: JSONObject | UnsetType = UNSET
    params: JSONObject | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    created_at: int | None | UnsetType = UNSET
    user_id: Annotated[Any, SchemaOf(str)] = UNSET


@dataclass(frozen=True, slots=True)
class ModelImportItem:
    """Summary of one object. `base_model_id`, `sharing`: UNSET if the object does not specify them.

    `is_access_control`: the sharing was read from `access_control`, which cannot contain grants besides everyone.
    `owner_id`: owner according to the object, if any. `notes`: values of it that are not imported. `raw`: its bytes.
    """

    index: int
    id: str
    normalized_id: str
    base_model_id: str | None | UnsetType
    sharing: Sharing | UnsetType
    created_at: int | None
    is_named: bool
    is_access_control: bool
    owner_id: str | None
    notes: list[str]
    raw: msgspec.Raw


@dataclass(slots=True)
class ImportBatch:
    """All objects of one import. `skipped`: positions of those without a usable id."""

    items: list[ModelImportItem] = field(default_factory=list)
    errors: list[ItemError] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        """Return the ids of all objects, valid or not."""
        return {item.id for item in self.items} | {model.id for model in self.errors if model.id}


async def check_items(objects: Sequence[msgspec.Raw], options: ImportOptions) -> ImportBatch:
    """Validate every object. In a sync, each must have all required keys, and none is skipped."""
    batch = ImportBatch()
    size = 0
    for index, raw in enumerate(objects):
        try:
            _check_item(batch, index, raw, options)
        except DomainError as error:
            batch.errors.append(ItemError(index, None, error))
        options.on_step(1)
        if len(batch.errors) > MAX_ERRORS:
            break
        size += memoryview(raw).nbytes
        if index % ITEMS_PER_STEP == ITEMS_PER_STEP - 1 or size > BYTES_PER_STEP:
            await asyncio.sleep(0)
            size = 0
    return batch


def is_not_a_model(raw: msgspec.Raw) -> bool:
    """Return whether an object has no id that could be a model's."""
    try:
        return not isinstance(_decode(raw).id, str)
    except DomainError:
        return False  # another error, which is reported with its position


def draft_of(item: ModelImportItem, before: Mapping[str, Any] | None) -> ModelDraft:
    """Return the model that an object describes, merged over the row it replaces. Raises: ValidationError, InvalidRequest."""
    model = _decode(item.raw)
    stored: Mapping[str, Any] = before or {"base_model_id": None, "name": "", "is_active": True}
    meta, tags = read_meta(_first_given(model.meta, stored.get("meta")), [])
    return ModelDraft(
        id=item.id,
        base_model_id=stored["base_model_id"]
        if item.base_model_id is UNSET
        else item.base_model_id,
        name=stored["name"] if model.name is UNSET else read_name(model.name),
        is_active=stored["is_active"] if model.is_active is UNSET else model.is_active,
        meta=meta,
        params=read_params(_first_given(model.params, stored.get("params"))),
        tags=tags,
    )


def _check_item(batch: ImportBatch, index: int, raw: msgspec.Raw, options: ImportOptions) -> None:
    model = _decode(raw)
    if not isinstance(model.id, str) or not model.id:
        if options.replace_all:
            raise field_error("id", "string_type", "Expected a text that is not empty")
        batch.skipped.append(index)
        return
    errors = []
    notes: list[str] = []

    def checked(read: Callable[[Any], Any], value: Any) -> Any:
        """Return the parsed value; collect the error otherwise, so that one error does not hide the next."""
        try:
            return value if value is UNSET else read(value)
        except DomainError as error:
            errors.append(ItemError(index, model.id, error))

    if options.replace_all:
        checked(_check_required_keys, model)
    checked(check_id, model.id)
    checked(read_name, model.name)
    checked(lambda meta: _check_size("meta", read_meta(meta, notes)[0]), model.meta)
    checked(_read_params, model.params)
    checked(_check_time, model.created_at)
    sharing = checked(lambda raw: imported_sharing(model, raw, notes, options.is_strict), raw)
    batch.errors += errors
    if not errors:
        batch.items.append(
            ModelImportItem(
                index=index,
                id=model.id,
                normalized_id=normalized_id(model.id),
                base_model_id=model.base_model_id
                if model.base_model_id is UNSET
                else model.base_model_id or None,
                sharing=sharing,
                created_at=None if model.created_at is UNSET else model.created_at,
                is_named=model.name is not UNSET,
                is_access_control=model.access_grants is UNSET,
                owner_id=model.user_id
                if isinstance(model.user_id, str) and model.user_id
                else None,
                notes=notes,
                raw=raw,
            )
        )


_DECODER: Final = lenient_decoder(ImportedModel)


def _decode(raw: msgspec.Raw) -> ImportedModel:
    try:
        model: ImportedModel = _DECODER.decode(raw)
        return unpack_documents(model)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise json_error(error) from None


def _read_params(raw: msgspec.Raw) -> str:
    _check_size("params", raw)  # before it is decoded
    return read_params(raw)


def _check_size(name: str, value: msgspec.Raw | str) -> None:
    """Check a value against the limit that forms have. Raises: InvalidRequest."""
    size = memoryview(value).nbytes if isinstance(value, msgspec.Raw) else len(value)
    if size > MAX_MODEL_BYTES:
        raise InvalidRequest(f"[ERROR: {name} is over {MAX_MODEL_BYTES} bytes]")


def _check_required_keys(model: ImportedModel) -> None:
    absent = [name for name in REQUIRED_KEYS if getattr(model, name) is UNSET]
    if absent:
        raise ValidationError(
            [fault("missing", ["body", name], "Field required") for name in absent]
        )


def _check_time(at: int | None) -> None:
    if at is not None and not 0 <= at <= MAX_TIMESTAMP:
        raise InvalidRequest("[ERROR: created_at must be a time in seconds since 1970]")


def _first_given(raw: msgspec.Raw | UnsetType, stored: str | None) -> msgspec.Raw:
    """Return the value of the object, else that of the row, else an empty object."""
    if raw is not UNSET:
        return raw
    return _EMPTY if stored is None else msgspec.Raw(stored.encode())
