"""Import of templates, along with models."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET

from portico.api import AppContext, DomainError, InvalidRequest
from portico.api.db import RollBack, transaction
from portico.api.json import ItemError, SchemaOf, json_error, lenient_decoder
from portico.api.policy import Sharing, describe_missing
from portico.api.resources import RequestedSharing, imported_sharing
from portico_models.fields.packed_documents import unpack_documents
from portico_models.fields.validation import sanitize_meta
from portico_models.templates.schemas import TemplateForm
from portico_models.templates.service import TemplateService
from portico_models.transfer.items import BYTES_PER_STEP
from portico_models.transfer.options import ImportOptions
from portico_models.transfer.report import Note

#: Templates in one import.
MAX_TEMPLATES: Final = 1000


class ImportedTemplate(TemplateForm, kw_only=True):
    """A template in an import file. `user_id`: its owner, according to the file."""

    user_id: Annotated[Any, SchemaOf(str)] = UNSET


_DECODER: Final = lenient_decoder(ImportedTemplate)


class TemplateImportReport(msgspec.Struct):
    """Result for templates: ids of imported ones, errors of rejected ones, notes on values that were changed."""

    ids: list[str] = []
    errors: list[ItemError] = []
    notes: list[Note] = []


class TemplateItem(msgspec.Struct):
    """A template that could be decoded. `notes`: values of it that are not imported."""

    index: int
    form: ImportedTemplate
    sharing: RequestedSharing | None
    notes: list[str]


async def import_templates(
    app: AppContext,
    templates: TemplateService,
    objects: Sequence[msgspec.Raw],
    options: ImportOptions,
    first: int = 0,
) -> TemplateImportReport:
    """Write templates. Call it in a transaction, and roll that back if the report has errors.

    `first`: the position of the first one in the list.
    """
    report = TemplateImportReport()
    items = await _read(objects, first, report, options.is_strict)
    await _drop_missing_principals(app, items, report, options.is_strict)
    existing_accounts: set[str] = set()
    if options.keeps_owners:
        owners = {one.form.user_id for one in items if isinstance(one.form.user_id, str)}
        existing_accounts = await app.identity.accounts.existing_ids([*owners])
    for one in items:
        form = one.form
        owner = (
            form.user_id
            if isinstance(form.user_id, str) and form.user_id in existing_accounts
            else None
        )
        try:
            async with transaction():
                (template,) = await templates.import_many(
                    options.actor, [(form, one.sharing)], owner_id=owner
                )
                report.ids.append(template.id)
        except DomainError as error:
            report.errors.append(ItemError(one.index, form.id or form.name, error))
        report.notes += [Note(one.index, form.id or form.name, note) for note in one.notes]
    return report


async def dry_run_templates(
    app: AppContext,
    templates: TemplateService,
    objects: Sequence[msgspec.Raw],
    options: ImportOptions,
    first: int = 0,
) -> TemplateImportReport:
    """Return what `import_templates` would return, without writing."""
    report = TemplateImportReport()
    with suppress(RollBack):
        async with transaction():
            report = await import_templates(app, templates, objects, options, first)
            raise RollBack
    return report


async def _read(
    objects: Sequence[msgspec.Raw], first: int, report: TemplateImportReport, is_strict: bool
) -> list[TemplateItem]:
    items = []
    size = 0
    for index, raw in enumerate(objects, first):
        size += memoryview(raw).nbytes
        if size > BYTES_PER_STEP:
            await asyncio.sleep(0)
            size = 0
        try:
            form, notes = _decode(raw), list[str]()
            sharing = imported_sharing(form, raw, notes, is_strict)
            form.meta = sanitize_meta(form.meta, notes)
            requested = None
            if sharing is not UNSET:
                as_sent = not notes and form.access_grants is UNSET
                requested = RequestedSharing(sharing, is_access_control=as_sent)
            items.append(TemplateItem(index, form, requested, notes))
        except DomainError as error:
            report.errors.append(ItemError(index, None, error))
    return items


async def _drop_missing_principals(
    app: AppContext, items: list[TemplateItem], report: TemplateImportReport, is_strict: bool
) -> None:
    """Remove users and groups that do not exist from the sharing of templates."""
    grants = app.permissions.grants
    missing = await grants.missing([one.sharing.sharing for one in items if one.sharing])
    for one in list(items):
        if one.sharing is None:
            continue
        shares = one.sharing.sharing.shares
        unknown = missing.intersection(shares)
        if not unknown:
            continue
        names = describe_missing(unknown)
        if is_strict:
            error = InvalidRequest(f"[ERROR: access_control names {names}]")
            report.errors.append(ItemError(one.index, one.form.id or one.form.name, error))
            items.remove(one)
            continue
        remaining = tuple(share for share in shares if share not in unknown)
        one.sharing = RequestedSharing(Sharing(remaining))
        one.notes.append(f"access_control: skipped {names}")


def _decode(raw: msgspec.Raw) -> ImportedTemplate:
    try:
        form: ImportedTemplate = _DECODER.decode(raw)
        return unpack_documents(form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise json_error(error) from None
