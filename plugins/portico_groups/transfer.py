"""Export and import of groups with their members, and of the default permissions."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec

from portico.api import AppContext, DomainError, InvalidRequest
from portico.api.auth import (
    EpochSeconds,
    Group,
    PermissionTree,
    PrincipalId,
    check_group_data,
    check_group_description,
)
from portico.api.db import RollBack, transaction
from portico.api.json import raw_object
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    imported,
    rejected,
    skipped,
    unchanged,
)

MAX_NAME_CHARS: Final = 256
#: Characters of a permission of the source that a report names.
MAX_SHOWN_CHARS: Final = 64
GROUPS: Final = "groups"
DEFAULTS: Final = "default_permissions"
_NULL: Final = msgspec.Raw(b"null")
UNKNOWN_PERMISSION: Final = "a permission that this server does not have was left out"
UNKNOWN_MEMBER: Final = "a member whose account was not taken was left out"
SAME_NAME: Final = "another group here has this name; --link-accounts takes both for the same group"
LINKED: Final = "it is the group of this name here, whose permissions stay; its members were added"
STORED_HERE: Final = "an administrator has set them here, and they stay"


class GroupRecord(msgspec.Struct, kw_only=True):
    """A group. `user_id`: its owner; empty = the command line. `user_ids`: its members."""

    id: PrincipalId
    name: str
    user_id: str = ""
    description: str = ""
    permissions: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    user_ids: list[str] = []
    created_at: EpochSeconds
    updated_at: EpochSeconds


class DefaultPermissionsRecord(msgspec.Struct, kw_only=True):
    """The permissions of all users: one record, whose id is `default`."""

    permissions: dict[str, Any]
    id: str = "default"


class GroupTransfer(TransferKind):
    """Groups. It says which groups the ones of a source are here."""

    name = GROUPS
    after = ("accounts",)

    def __init__(self, app: AppContext) -> None:
        self._rows, self._defaults = app.identity.group_rows, app.identity.defaults
        self._reader = RecordReader(GroupRecord)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield all groups by id; nothing for one account, which owns none for itself."""
        if scope.is_whole:
            async for block in self._rows.pages():
                yield [_record(one.group, one.member_ids) for one in block]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import groups with their members in one transaction."""
        read, outcomes = self._reader.read(records)
        for outcome in outcomes.values():
            run.groups.refuse(outcome.id, outcome.reason)
        known = await self._defaults.tree()
        async with transaction():
            by_id = await self._rows.by_ids([one.id for _, one in read])
            by_name = await self._rows.by_names([one.name for _, one in read])
            for place, record in read:
                note = partial(run.notes.add, GROUPS, record_id=record.id)
                if record.id in by_id:
                    run.groups.add(record.id, record.id)
                    outcomes[place] = unchanged(record.id)
                elif run.choices.link_accounts and (same := by_name.get(record.name)):
                    outcomes[place] = await self._link(record, same[0], run, note)
                else:
                    outcomes[place] = await self._insert(record, run, known, note)
                    if record.name in by_name:
                        note(SAME_NAME)
        return [outcomes[place] for place in range(len(records))]

    async def _link(
        self, record: GroupRecord, here: Group, run: ImportRun, note: Callable[[str], None]
    ) -> Outcome:
        run.groups.add(record.id, here.id)
        members = _members(record, run, note)
        if run.dry_run:
            return imported(record.id, LINKED)
        added = await self._rows.add_members(here.id, members, record.created_at)
        return imported(record.id, LINKED) if added else unchanged(record.id)

    async def _insert(
        self,
        record: GroupRecord,
        run: ImportRun,
        known: PermissionTree,
        note: Callable[[str], None],
    ) -> Outcome:
        try:
            group = _group(record, run.accounts.get(record.user_id) or "", known, note)
        except DomainError as error:
            run.groups.refuse(record.id, error.detail)
            return rejected(record.id, error.detail)
        members = _members(record, run, note)
        if not run.dry_run:
            if not await self._rows.insert(group):
                return skipped(record.id, "its id was taken meanwhile; run the import again")
            await self._rows.add_members(group.id, members, record.created_at)
        run.groups.add(record.id, record.id)
        return imported(record.id)


class DefaultPermissionsTransfer(TransferKind):
    """The permissions of all users. Those that an administrator has set here stay."""

    name = DEFAULTS
    after = (GROUPS,)

    def __init__(self, app: AppContext) -> None:
        self._defaults = app.identity.defaults
        self._reader = RecordReader(DefaultPermissionsRecord)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield the permissions, if an administrator has changed any."""
        if scope.is_whole and await self._defaults.are_stored():
            tree = await self._defaults.tree()
            yield [msgspec.json.encode(DefaultPermissionsRecord(permissions=tree))]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import the permissions."""
        read, outcomes = self._reader.read(records)
        for place, record in read:
            outcomes[place] = await self._import_one(record, run)
        return [outcomes[place] for place in range(len(records))]

    async def _import_one(self, record: DefaultPermissionsRecord, run: ImportRun) -> Outcome:
        present = await self._defaults.tree()
        given, unknown = known_permissions(record.permissions, present)
        for name in unknown:
            run.notes.add(DEFAULTS, UNKNOWN_PERMISSION, name)
        wanted = {section: words | given.get(section, {}) for section, words in present.items()}
        if wanted == present:
            return unchanged(record.id)
        if await self._defaults.are_stored():
            return skipped(record.id, STORED_HERE)
        try:
            with suppress(RollBack):
                async with transaction():
                    await self._defaults.change(wanted, "")
                    if run.dry_run:
                        raise RollBack
        except InvalidRequest as error:
            return rejected(record.id, error.detail)
        return imported(record.id)


def known_permissions(
    given: Mapping[str, Any], known: PermissionTree
) -> tuple[PermissionTree, list[str]]:
    """Return the permissions that this server has, and the names of others, and of those that are neither true nor false."""
    found: PermissionTree = {}
    unknown: list[str] = []
    for section, words in given.items():
        for word, value in words.items() if isinstance(words, Mapping) else ():
            if word in known.get(section, {}) and isinstance(value, bool):
                found.setdefault(section, {})[word] = value
            else:
                unknown.append(f"{section}.{word}"[:MAX_SHOWN_CHARS])
    return found, unknown


def _members(record: GroupRecord, run: ImportRun, note: Callable[[str], None]) -> list[str]:
    found = [here for one in record.user_ids if (here := run.accounts.get(one)) is not None]
    for _ in range(len(record.user_ids) - len(found)):
        note(UNKNOWN_MEMBER)
    return found


def _group(
    record: GroupRecord, owner: str, known: PermissionTree, note: Callable[[str], None]
) -> Group:
    """Return the group to store. Raises: InvalidRequest for a text that is too long."""
    if len(record.name) > MAX_NAME_CHARS:
        raise InvalidRequest(f"the name has more than {MAX_NAME_CHARS} characters")
    permissions = None
    if record.permissions is not None:
        permissions, unknown = known_permissions(record.permissions, known)
        for _ in unknown:
            note(UNKNOWN_PERMISSION)
    return Group(
        id=record.id,
        account_id=owner,
        name=record.name,
        description=check_group_description(record.description),
        data=check_group_data("data", record.data),
        meta=check_group_data("meta", record.meta),
        permissions=check_group_data("permissions", permissions),
        created_at=record.created_at,
        updated_at=record.updated_at,
        member_count=0,
    )


def _record(group: Group, member_ids: Sequence[str]) -> bytes:
    objects = {name: _stored(getattr(group, name)) for name in ("permissions", "meta", "data")}
    values = {
        name: getattr(group, name)
        for name in ("id", "name", "description", "created_at", "updated_at")
    }
    return msgspec.json.encode(
        values | objects | {"user_id": group.account_id, "user_ids": member_ids}
    )


def _stored(text: str | None) -> msgspec.Raw:
    return _NULL if text is None else msgspec.Raw(raw_object.join(raw_object.split_stored(text)))
