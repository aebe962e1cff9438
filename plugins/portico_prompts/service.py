"""Creating, listing, changing and deleting prompts, with permission checks. Nothing here knows HTTP."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from msgspec import UNSET

from portico.api import AppContext, InvalidRequest, NotFound
from portico.api.audit import record_change
from portico.api.auth import AccountDeleting, Actor
from portico.api.db import (
    ForeignKeyViolation,
    UniqueViolation,
    chunks,
    contains_pattern,
    new_id,
    now,
    page_offset,
    transaction,
)
from portico.api.messages import COMMAND_TAKEN
from portico.api.policy import Resource
from portico.api.resources import (
    ListedResource,
    RequestedSharing,
    ResourceFilter,
    ResourceTable,
)
from portico.api.text import likeness
from portico_prompts import store
from portico_prompts.command_names import command_key, read_command
from portico_prompts.resource_kind import KIND, PROMPTS
from portico_prompts.schemas import (
    ListedPrompt,
    Prompt,
    PromptChanges,
    PromptForm,
    prompt_fields,
)
from portico_prompts.settings import PromptsSettings
from portico_prompts.store import PromptValues

#: Prompts on one page.
PAGE_SIZE: Final = 30
#: Characters.
MAX_TITLE_CHARS: Final = 512
MAX_QUERY_CHARS: Final = 1024
#: Rows that become documents before other requests run.
ROWS_PER_STEP: Final = 50

P = TypeVar("P")

_NEWEST_FIRST: Final = "prompts_prompt.updated_at DESC, prompts_prompt.id"


class PromptService:
    """The prompts of the workspace. Missing prompts and those the caller may not read raise the same NotFound."""

    def __init__(self, app: AppContext, settings: PromptsSettings) -> None:
        self._settings = settings
        self._table = ResourceTable(app.permissions, PROMPTS)

    # -- reading --------------------------------------------------------------------------------------------

    async def readable(self, actor: Actor, query: str, page: int) -> tuple[list[Prompt], int]:
        """Return the prompts that the actor may insert, newest first, and the number of all.

        `query`: part of command or title. `page`: 30 prompts; 0 = all, up to the limits of the settings.
        """
        found, contents, total = await self._page(actor, "read", query, page)

        def prompt(one: ListedResource) -> Prompt:
            return Prompt(**prompt_fields(one.row, contents[one.row["id"]], one.sharing))

        return await _built(found, prompt), total

    async def listed(self, actor: Actor, query: str, page: int) -> tuple[list[ListedPrompt], int]:
        """Return the prompts that the actor manages: their own, and those they may change. As `readable`."""
        found, contents, total = await self._page(actor, "list", query, page)

        def prompt(one: ListedResource) -> ListedPrompt:
            fields = prompt_fields(one.row, contents[one.row["id"]], one.sharing)
            return ListedPrompt(**fields, user=one.owner, write_access=one.may_write)

        return await _built(found, prompt), total

    async def get(self, actor: Actor, command: str) -> Prompt:
        """Return one prompt. Raises: NotFound."""
        row, _ = await self._table.find(
            actor, "read", command_key(command), by="normalized_command"
        )
        return await self._prompt(row)

    # -- writing --------------------------------------------------------------------------------------------

    async def create(
        self,
        actor: Actor,
        form: PromptForm,
        sharing: RequestedSharing | None,
        *,
        owner_id: str | None = None,
    ) -> Prompt:
        """Create a prompt. `owner_id`: default the actor.

        Raises: InvalidRequest if the command is taken or invalid, a value too long, or the account has too many prompts;
        Forbidden if the actor may not share like this.
        """
        prompt_id, owner_id = new_id(), owner_id or actor.id
        values = PromptValues(read_command(form.command), form.title, form.content)
        self._check(values)
        try:
            async with transaction():
                await self._table.check_room(owner_id, self._settings.max_prompts, "prompts")
                await store.insert(prompt_id, owner_id, now(), values)
                resource = Resource(KIND, prompt_id, owner_id)
                await self._table.share(actor, resource, sharing, is_new=True)
                await record_change("prompt.created", KIND, prompt_id, new=_view(values))
                return await self._read_back(actor, prompt_id)
        except UniqueViolation as error:
            raise InvalidRequest(COMMAND_TAKEN) from error
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error

    async def update(
        self, actor: Actor, command: str, form: PromptChanges, sharing: RequestedSharing | None
    ) -> Prompt:
        """Change a prompt; its id and owner stay. Values that stay are not checked again.

        Raises: as `create`; NotFound, Forbidden.
        """
        try:
            async with transaction():
                row, resource = await self._table.find_locked(
                    actor, "write", command_key(command), by="normalized_command"
                )
                new = self._changed(row, form)
                await store.update(row["id"], now(), new)
                await self._table.share(actor, resource, sharing)
                await record_change(
                    "prompt.updated",
                    KIND,
                    row["id"],
                    old=_view(_values(row)),
                    new=_view(new),
                )
                return await self._read_back(actor, row["id"])
        except UniqueViolation as error:
            raise InvalidRequest(COMMAND_TAKEN) from error

    async def delete(self, actor: Actor, command: str) -> None:
        """Delete a prompt with its grants. Raises: NotFound, Forbidden."""
        async with transaction():
            row, _ = await self._table.find_locked(
                actor, "delete", command_key(command), by="normalized_command"
            )
            await self._table.delete([row["id"]])
            await record_change("prompt.deleted", KIND, row["id"], old=_view(_values(row)))

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Transfer the prompts of a deleted account to the new owner, or delete them."""
        await self._table.on_account_deleting(event)

    # -- internal -------------------------------------------------------------------------------------------

    async def _page(
        self, actor: Actor, action: str, query: str, page: int
    ) -> tuple[list[ListedResource], dict[str, str], int]:
        """Return rows without contents, the contents by id, and the number of all rows."""
        matching = ResourceFilter()
        if query:
            pattern = contains_pattern(likeness(query[:MAX_QUERY_CHARS]))
            matching.add("prompts_prompt.search_text LIKE {} ESCAPE '!'", pattern)
        rows, total = await self._table.page(
            actor,
            action,
            matching,
            order=_NEWEST_FIRST,
            limit=PAGE_SIZE if page else self._settings.max_listed,
            offset=page_offset(page, PAGE_SIZE),
            columns=store.LIST_COLUMNS,
            in_thread=bool(query) or not page,
        )
        shown = rows if page else _within(rows, self._settings.max_listed_bytes)
        contents = await store.contents_of([one.row["id"] for one in shown])
        return [one for one in shown if one.row["id"] in contents], contents, total

    def _changed(self, row: dict[str, Any], form: PromptChanges) -> PromptValues:
        """Return a prompt after a change."""
        old = _values(row)
        command = old.command
        if form.command is not UNSET and form.command.removeprefix("/") != command:
            command = read_command(form.command)
        title = old.title if form.title is UNSET else form.title
        content = old.content if form.content is UNSET else form.content
        new = PromptValues(command, title, content)
        self._check(new, old)
        return new

    def _check(self, new: PromptValues, old: PromptValues | None = None) -> None:
        """Check the sizes of values that change. Raises: InvalidRequest."""
        if len(new.title) > MAX_TITLE_CHARS and (old is None or new.title != old.title):
            raise InvalidRequest(f"[ERROR: title must have at most {MAX_TITLE_CHARS} characters]")
        limit = self._settings.max_content_bytes
        if len(new.content.encode()) > limit and (old is None or new.content != old.content):
            raise InvalidRequest(f"[ERROR: content must have at most {limit} bytes]")

    async def _read_back(self, actor: Actor, prompt_id: str) -> Prompt:
        """Return a prompt as it is now, without a permission check: its writer may have given up their access."""
        row = await self._table.row(prompt_id)
        if row is None:
            raise NotFound
        return await self._prompt(row)

    async def _prompt(self, row: dict[str, Any]) -> Prompt:
        sharing = await self._table.sharing_of(row["id"])
        return Prompt(**prompt_fields(row, row["content"], sharing))


async def _built(rows: Sequence[ListedResource], build: Callable[[ListedResource], P]) -> list[P]:
    """Return a document for each row. Other requests run in between."""
    built: list[P] = []
    for some in chunks(rows, ROWS_PER_STEP):
        built += map(build, some)
        await asyncio.sleep(0)
    return built


def _within(rows: list[ListedResource], limit: int) -> list[ListedResource]:
    """Return the first rows whose contents have at most `limit` bytes together."""
    total = 0
    for place, one in enumerate(rows):
        total += one.row["size"]
        if total > limit:
            return rows[:place]
    return rows


def _values(row: dict[str, Any]) -> PromptValues:
    return PromptValues(row["command"], row["title"], row["content"])


def _view(values: PromptValues) -> dict[str, str]:
    """Return what the audit log says about a prompt: not its content."""
    return {"command": f"/{values.command}", "title": values.title}
