"""Bringing exported groups in: all of them or none, and nothing that is there is overwritten unasked."""

from collections.abc import Callable, Sequence
from typing import Any

from portico.api import (
    Actor,
    AppContext,
    Forbidden,
    Group,
    InvalidRequest,
    PermissionTree,
    ValidationError,
    permission_errors,
    transaction,
)
from portico_groups.schemas import ImportedGroup, ImportReport
from portico_groups.service import KIND, grantable_permissions


async def import_for(
    app: AppContext, actor: Actor, groups: Sequence[ImportedGroup], *, replace: bool
) -> list[ImportReport]:
    """Bring groups in on behalf of somebody. Raises: as `Import.run`; Forbidden."""
    # To say who is in a group is to write it.
    needs_write = replace or any(one.user_ids for one in groups)
    if needs_write and not await app.permissions.allows_on_collection(actor, KIND, "write"):
        raise Forbidden
    within = await grantable_permissions(app, actor)
    return await GroupImport(app, by=actor.id, replace=replace, within=within).run(groups)


class GroupImport:
    """One import. A group keeps its id where that is free; else it gets a new one.

    `replace`: instead, the group that has the id already becomes as the imported one. `by`: who makes new groups.
    `within`: what may be granted at most; None = everything.
    """

    def __init__(
        self, app: AppContext, *, by: str, replace: bool, within: PermissionTree | None = None
    ) -> None:
        self._groups = app.identity.groups
        self._by = by
        self._replace = replace
        self._within = within

    async def run(
        self, groups: Sequence[ImportedGroup], on_group: Callable[[], None] = lambda: None
    ) -> list[ImportReport]:
        """All in one transaction. Shape: one report for each group, in their order. `on_group`: called after each.

        Raises: Misshapen for permissions that are none, or an id that comes twice; Invalid for what is too long;
        Forbidden.
        """
        if faults := _faults(groups):
            raise ValidationError(faults)
        reports = []
        async with transaction():
            ids = [one.id for one in groups if one.id is not None]
            taken = await self._groups.existing_ids(ids)
            for place, one in enumerate(groups):
                try:
                    reports.append(await self._import_one(one, one.id in taken))
                except InvalidRequest as error:
                    raise InvalidRequest(f"{error.detail} (group {place})") from error
                on_group()
        return reports

    async def _import_one(self, one: ImportedGroup, is_taken: bool) -> ImportReport:
        is_replaced = is_taken and self._replace
        group = await (self._replace_group(one) if is_replaced else self._make(one, is_taken))
        ignored: Sequence[str] = ()
        if one.user_ids is not None:
            membership = await self._groups.set_members(group.id, one.user_ids, self._within)
            group, ignored = membership.group, membership.ignored
        return ImportReport(
            id=group.id,
            name=group.name,
            result="replaced" if is_replaced else "created",
            members=group.member_count,
            ignored=list(ignored),
        )

    async def _make(self, one: ImportedGroup, is_taken: bool) -> Group:
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
        assert one.id is not None  # it is taken
        return await self._groups.update(
            one.id,
            name=one.name,
            description=one.description,
            permissions=one.permissions or {},
            data=one.data or {},
            within=self._within,
        )


def _faults(groups: Sequence[ImportedGroup]) -> list[dict[str, Any]]:
    """Everything that shows before anything is written."""
    faults = []
    seen: set[str | None] = {None}
    for place, one in enumerate(groups):
        if one.permissions is not None:
            faults += permission_errors(one.permissions, ["body", place, "permissions"])
        if one.id in seen and one.id is not None:
            loc = ["body", place, "id"]
            faults.append({"type": "value_error", "loc": loc, "msg": "This id comes twice"})
        seen.add(one.id)
    return faults
