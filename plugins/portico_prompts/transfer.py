"""Prompts in files: all of them exported, and an import that writes all or none."""

from contextlib import suppress
from typing import Annotated, Any, BinaryIO, Final

import msgspec
from msgspec import UNSET

from portico.api import AppContext, DomainError
from portico.api.auth import Actor
from portico.api.db import RollBack, fetch_all, fetch_one, transaction
from portico.api.json import ItemError, SchemaOf, json_error, lenient_decoder, read_items
from portico.api.resources import AccessFields, RequestedSharing, imported_sharing
from portico_prompts.command_names import command_key
from portico_prompts.resource_kind import KIND
from portico_prompts.schemas import Prompt, PromptChanges, PromptForm, prompt_fields
from portico_prompts.service import PromptService

#: Bytes of one prompt in a file.
MAX_ITEM_BYTES: Final = 8 * 1024 * 1024


class ImportedPrompt(AccessFields, kw_only=True):
    """A prompt in an import file; unknown keys are ignored. `user_id`: its owner, if that account exists here."""

    command: str
    content: str
    title: str = ""
    user_id: Annotated[Any, SchemaOf(str)] = UNSET


class PromptImportReport(msgspec.Struct):
    """Commands of the prompts that were created and changed, errors, and notes on sharing that was reduced."""

    created: list[str] = []
    updated: list[str] = []
    rejected: list[str] = []
    notes: list[str] = []


_DECODER: Final = lenient_decoder(ImportedPrompt)


async def all_prompts(app: AppContext) -> list[Prompt]:
    """Return every prompt, by command."""
    rows = await fetch_all("SELECT * FROM prompts_prompt ORDER BY normalized_command")
    grants = app.permissions.grants
    sharings = await grants.sharings_of(KIND)
    return [
        Prompt(**prompt_fields(row, row["content"], sharings.get(row["id"], grants.PRIVATE)))
        for row in rows
    ]


class PromptImport:
    """Imports prompts in the name of an actor. One whose command exists replaces that prompt, if the actor may change it.

    `keeps_owners`: a new prompt belongs to the account that it names, if that exists; else to the actor.
    """

    def __init__(
        self, app: AppContext, service: PromptService, actor: Actor, *, keeps_owners: bool
    ) -> None:
        self._app, self._service, self._actor = app, service, actor
        self._keeps_owners = keeps_owners

    async def run(self, file: BinaryIO, *, dry_run: bool) -> PromptImportReport:
        """Import all prompts of a file, or none if one is rejected. Raises: UnreadableImport."""
        report = PromptImportReport()
        items = list(read_items(file, ("prompts",), "prompts", max_bytes=MAX_ITEM_BYTES))
        with suppress(RollBack):
            async with transaction():
                for item in items:
                    await self._import(report, item.index, item.text)
                if dry_run or report.rejected:
                    raise RollBack
        return report

    async def _import(self, report: PromptImportReport, index: int, text: bytes) -> None:
        command: str | None = None
        try:
            try:
                form = _DECODER.decode(text)
            except msgspec.MsgspecError as error:
                raise json_error(error) from None
            command = form.command
            notes: list[str] = []
            sharing = await self._sharing(form, msgspec.Raw(text), notes)
            await self._write(report, form, sharing)
            report.notes += [f"{command}: {note}" for note in notes]
        except DomainError as error:
            reason = ItemError(index, None, error).reason
            report.rejected.append(f"prompts[{index}]  {command or '-'}: {reason}")

    async def _write(
        self, report: PromptImportReport, form: ImportedPrompt, sharing: RequestedSharing | None
    ) -> None:
        existing = await fetch_one(
            "SELECT id FROM prompts_prompt WHERE normalized_command = $1",
            command_key(form.command).replace("\x00", ""),
        )
        if existing is not None:
            changes = PromptChanges(title=form.title, content=form.content)
            changed = await self._service.update(self._actor, form.command, changes, sharing)
            report.updated.append(changed.command)
            return
        new = PromptForm(command=form.command, title=form.title, content=form.content)
        owner_id = await self._owner_id(form)
        created = await self._service.create(self._actor, new, sharing, owner_id=owner_id)
        report.created.append(created.command)

    async def _sharing(
        self, form: ImportedPrompt, raw: msgspec.Raw, notes: list[str]
    ) -> RequestedSharing | None:
        """Return the sharing without users and groups that do not exist here, with a note about them."""
        wanted = imported_sharing(form, raw, notes, is_strict=False)
        if wanted is UNSET:
            return None
        known = await self._app.permissions.grants.without_missing(wanted)
        if not known.same_as(wanted):
            notes.append("access_control: skipped users and groups that do not exist here")
        return RequestedSharing(known, is_access_control=form.access_grants is UNSET)

    async def _owner_id(self, form: ImportedPrompt) -> str | None:
        if not self._keeps_owners or not isinstance(form.user_id, str) or "\x00" in form.user_id:
            return None
        sql = "SELECT id FROM portico_account WHERE id = $1"
        found = await fetch_one(sql, form.user_id)
        return str(found["id"]) if found else None
