"""Templates that come along with models."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import (
    Actor,
    AppContext,
    DomainError,
    InvalidRequest,
    ItemError,
    SchemaOf,
    Sharing,
    describe_missing,
    json_error,
    lenient_decoder,
    transaction,
)
from portico_models.templates.schemas import TemplateForm
from portico_models.templates.service import Templates
from portico_models.transfer.imported_rights import imported_sharing, unpacked
from portico_models.transfer.items import TURN_BYTES
from portico_models.transfer.writer import Note
from portico_models.validation import mended_meta

#: Templates in one import.
MOST: Final = 1000


class Found(TemplateForm, kw_only=True):
    """A template as it stands in a file. `user_id`: whose it says it is."""

    user_id: Annotated[Any, SchemaOf(str)] = UNSET


_DECODER: Final = lenient_decoder(Found)


class TemplateImportReport(msgspec.Struct):
    """What became of templates: the ids of those that are there now, what is wrong with others, what was changed."""

    ids: list[str] = []
    faults: list[ItemError] = []
    notes: list[Note] = []


class Templated(msgspec.Struct):
    """A template that can be read. `notes`: what of it is not taken over."""

    index: int
    form: Found
    sharing: Sharing | UnsetType
    notes: list[str]


async def bring_templates(
    app: AppContext,
    actor: Actor,
    objects: Sequence[msgspec.Raw],
    *,
    is_strict: bool = False,
    keeps_owners: bool = False,
) -> TemplateImportReport:
    """Write templates. In a transaction, which is to be undone if anything is wrong.

    `is_strict`, `keeps_owners`: as for models.
    """
    templates = app.services.require(Templates)
    brought = TemplateImportReport()
    found = await _read(objects, brought, is_strict)
    await _leave_out_missing(app, found, brought, is_strict)
    there: set[str] = set()
    if keeps_owners:
        owners = {one.form.user_id for one in found if isinstance(one.form.user_id, str)}
        there = await app.identity.accounts.existing_ids([*owners])
    for one in found:
        form = one.form
        owner = form.user_id if isinstance(form.user_id, str) and form.user_id in there else None
        try:
            async with transaction():
                (made,) = await templates.import_many(actor, [form], owner_id=owner)
                brought.ids.append(made.id)
        except DomainError as error:
            brought.faults.append(ItemError(one.index, form.id or form.name, error))
        brought.notes += [Note(one.index, form.id or form.name, note) for note in one.notes]
    return brought


async def rehearse_templates(
    app: AppContext,
    actor: Actor,
    objects: Sequence[msgspec.Raw],
    *,
    is_strict: bool = False,
    keeps_owners: bool = False,
) -> TemplateImportReport:
    """What `bring_templates` would return. Nothing is changed."""
    try:
        async with transaction():
            raise _RollBackTemplates(
                await bring_templates(
                    app, actor, objects, is_strict=is_strict, keeps_owners=keeps_owners
                )
            )
    except _RollBackTemplates as undo:
        return undo.result


class _RollBackTemplates(Exception):
    """Takes the transaction back, and its result along."""

    def __init__(self, result: TemplateImportReport) -> None:
        self.result = result


async def _read(
    objects: Sequence[msgspec.Raw], brought: TemplateImportReport, is_strict: bool
) -> list[Templated]:
    found = []
    size = 0
    for index, raw in enumerate(objects):
        size += memoryview(raw).nbytes
        if size > TURN_BYTES:
            await asyncio.sleep(0)
            size = 0
        try:
            form, notes = _decode(raw), list[str]()
            sharing = imported_sharing(form, raw, notes, is_strict)
            form.meta = mended_meta(form.meta, notes)
            if notes and sharing is not UNSET:
                form.access_control, form.access_grants = UNSET, sharing.grants()
            found.append(Templated(index, form, sharing, notes))
        except DomainError as error:
            brought.faults.append(ItemError(index, None, error))
    return found


async def _leave_out_missing(
    app: AppContext, found: list[Templated], brought: TemplateImportReport, is_strict: bool
) -> None:
    """Take the users and groups that do not exist here out of who has access."""
    grants = app.permissions.grants
    said = [one.sharing for one in found if one.sharing is not UNSET]
    missing = await grants.missing(said)
    for one in list(found):
        if one.sharing is UNSET or not (unknown := missing.intersection(one.sharing.shares)):
            continue
        names = describe_missing(unknown)
        if is_strict:
            error = InvalidRequest(f"[ERROR: access_control names {names}]")
            brought.faults.append(ItemError(one.index, one.form.id or one.form.name, error))
            found.remove(one)
            continue
        rest = Sharing(tuple(share for share in one.sharing.shares if share not in unknown))
        one.form.access_control, one.form.access_grants = UNSET, rest.grants()
        one.notes.append(f"access_control: left out {names}")


def _decode(raw: msgspec.Raw) -> Found:
    try:
        form: Found = _DECODER.decode(raw)
        return unpacked(form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise json_error(error) from None
