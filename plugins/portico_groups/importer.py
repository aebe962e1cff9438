"""Import of exported groups: all of them or none. Existing groups are overwritten only on request."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from portico.api import AppContext, InvalidRequest, ValidationError
from portico.api.auth import Group, PermissionTree, permission_errors
from portico.api.db import RollBack, transaction
from portico.api.json import fault
from portico_groups.schemas import GroupImportReport, ImportedGroup


class GroupImport:
    """One import. A group keeps its id if that is free, else it receives a new one.

    `replace`: overwrite the group that has the id instead. `by`: the account that owns new groups.
    `within`: the most that may be granted; None = everything.
    """

    def __init__(
        self, app: AppContext, *, by: str, replace: bool, within: PermissionTree | None = None
    ) -> None:
        self._groups = app.identity.groups
        self._by = by
        self._replace = replace
        self._within = within

    async def run(
        self,
        groups: Sequence[ImportedGroup],
        on_group: Callable[[], None] = lambda: None,
        *,
        dry_run: bool = False,
    ) -> list[GroupImportReport]:
        """Import all groups in one transaction and return one report per group, in their order.

        `on_group` is called after each. `dry_run`: nothing is stored. Raises: ValidationError for malformed permissions and
        duplicate ids; InvalidRequest for texts that are too long; Forbidden for permissions beyond `within`.
        """
        if errors := _errors(groups):
            raise ValidationError(errors)
        reports: list[GroupImportReport] = []
        with suppress(RollBack):
            async with transaction():
                await self._import_all(groups, reports, on_group)
                if dry_run:
                    raise RollBack
        return reports

    async def _import_all(
        self,
        groups: Sequence[ImportedGroup],
        reports: list[GroupImportReport],
        on_group: Callable[[], None],
    ) -> None:
        ids = [one.id for one in groups if one.id is not None]
        taken = await self._groups.existing_ids(ids)
        for place, one in enumerate(groups):
            try:
                reports.append(await self._import_one(one, one.id in taken))
            except InvalidRequest as error:
                raise InvalidRequest(f"{error.detail} (group {place})") from error
            on_group()

    async def _import_one(self, one: ImportedGroup, is_taken: bool) -> GroupImportReport:
        is_replaced = is_taken and self._replace
        group = await (self._replace_group(one) if is_replaced else self._create(one, is_taken))
        ignored: Sequence[str] = ()
        if one.user_ids is not None:
            membership = await self._groups.set_members(group.id, one.user_ids, self._within)
            group, ignored = membership.group, membership.ignored
        return GroupImportReport(
            id=group.id,
            name=group.name,
            result="replaced" if is_replaced else "created",
            members=group.member_count,
            ignored=list(ignored),
        )

    async def _create(self, one: ImportedGroup, is_taken: bool) -> Group:
        return await self._groups.create(
            name=one.name,
            description=one.description,
            by=self._by,
            permissions=one.permissions,
            data=one.data,
            group_id=None if is_taken else one.id,
            within=self._within,
        )

    async def _replace_group(self, one: ImportedGroup) -> Group:
        assert one.id is not None  # a group has it
        return await self._groups.update(
            one.id,
            name=one.name,
            description=one.description,
            permissions=one.permissions or {},
            data=one.data or {},
            within=self._within,
        )


def _errors(groups: Sequence[ImportedGroup]) -> list[dict[str, Any]]:
    """Return all errors that can be found before anything is written."""
    errors = []
    seen: set[str | None] = {None}
    for place, one in enumerate(groups):
        if one.permissions is not None:
            errors += permission_errors(one.permissions, ["body", place, "permissions"])
        if one.id in seen and one.id is not None:
            errors.append(fault("value_error", ["body", place, "id"], "This id occurs twice"))
        seen.add(one.id)
    return errors
