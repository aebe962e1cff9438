"""The rows of a kind that accounts own and share: finding, listing, sharing, deleting, and what is left of an account."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from portico.db import chunks, execute, fetch_all, fetch_all_in_thread, fetch_one, placeholders
from portico.errors import Forbidden, InvalidRequest, NotFound
from portico.identity import AccountDeleting, Actor
from portico.permissions import PRIVATE, Permissions, Resource, ResourceKind, Sharing
from portico.resources.access_fields import RequestedSharing
from portico.resources.sharing_rights import SharingRights, sharing_rights_of

_OWNER_COLUMNS = "owner.name AS owner_name, owner.role AS owner_role, owner.email AS owner_email"


class Owner(msgspec.Struct):
    """The owner of a resource. `email`: empty unless the caller is the owner or may read accounts."""

    id: str
    name: str
    role: str
    email: str


class ListedResource(NamedTuple):
    """One row of a list, and what a list says about every resource. `owner`: None if the account does not exist."""

    row: dict[str, Any]
    sharing: Sharing
    owner: Owner | None
    may_write: bool


class ResourceFilter:
    """Conditions of a list besides the permission. SQL is the program's; what a client sends is passed as values."""

    def __init__(self) -> None:
        self._conditions: list[tuple[str, tuple[Any, ...]]] = []

    def add(self, condition: str, *values: Any) -> None:
        """Add a condition with `{}` in the place of each value. Columns have the full name, with their table."""
        self._conditions.append((condition, values))

    def joined_to(self, condition: str, args: Sequence[Any]) -> tuple[str, list[Any]]:
        """Return a WHERE clause that begins with this condition, and all values."""
        clauses, values = [condition], [*args]
        for one, held in self._conditions:
            numbers = (f"${len(values) + number}" for number in range(1, len(held) + 1))
            clauses.append(one.format(*numbers))
            values += held
        return " AND ".join(clauses), values


class ResourceTable:
    """The table of a kind, for the actors who may use its rows.

    Its policy names the item actions `read`, `write`, `delete` and `share`, and the collection actions
    `share_with_users` and `share_publicly`. A missing row and one that the actor may not read raise the same NotFound,
    after the same work.
    """

    def __init__(self, permissions: Permissions, kind: ResourceKind) -> None:
        self._permissions, self._kind = permissions, kind

    # -- reading --------------------------------------------------------------------------------------------

    async def find(
        self, actor: Actor, action: str, value: str, *, by: str = ""
    ) -> tuple[dict[str, Any], Resource]:
        """Return a row and its resource, if the actor may do `action` to it. `by`: the column with `value`; default: the id.

        Raises: NotFound if there is none or the actor may not read it; Forbidden if they may read it but not do this.
        """
        of = self._kind
        if not is_storable(value):
            raise NotFound
        row = await self.row(value, by=by)
        resource = Resource(of.name, row[of.id] if row else value, row[of.owner] if row else None)
        try:
            await self._permissions.require(actor, action, resource)
        except Forbidden:  # also raised for a missing row, if the actor may read every row
            if row is not None:
                raise
        if row is None:
            raise NotFound
        return row, resource

    async def find_locked(
        self, actor: Actor, action: str, value: str, *, by: str = ""
    ) -> tuple[dict[str, Any], Resource]:
        """As `find`. Until the transaction ends, others who lock the row wait, and find it as it is then."""
        of = self._kind
        row, _ = await self.find(actor, action, value, by=by)
        await execute(
            f"UPDATE {of.table} SET {of.owner} = {of.owner} WHERE {of.id} = $1",  # noqa: S608
            row[of.id],
        )
        return await self.find(actor, action, value, by=by)

    async def page(
        self,
        actor: Actor,
        action: str,
        filter_: ResourceFilter,
        *,
        order: str,
        limit: int,
        offset: int = 0,
        columns: str = "*",
        in_thread: bool = False,
    ) -> tuple[list[ListedResource], int]:
        """Return rows to which the actor may do `action`, and the number of all such rows. Four statements at most.

        `order`: the ORDER BY clause. `columns`: of the table, comma-separated, with the id and the owner among them.
        `in_thread`: read them beside the event loop, for a search or a thousand rows.
        """
        permissions, of = self._permissions, self._kind
        listed = await permissions.where_allowed(actor, action, of.name)
        where, args = filter_.joined_to(listed.sql, listed.args)
        may_write = await permissions.allowed_column(actor, "write", of.name, first=len(args) + 1)
        values = [*args, *may_write.args]
        names = ", ".join(f"{of.table}.{name.strip()}" for name in columns.split(","))
        rows = await (fetch_all_in_thread if in_thread else fetch_all)(
            f"SELECT {names}, ({may_write.sql}) AS may_write, {_OWNER_COLUMNS} FROM {of.table} "  # noqa: S608
            f"LEFT JOIN portico_account owner ON owner.id = {of.table}.{of.owner} WHERE {where} "
            f"ORDER BY {order} LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}",
            *values,
            limit,
            offset,
        )
        total = len(rows)
        if offset or total == limit:
            total = await self.count(actor, action, filter_, in_thread=in_thread)
        sharings = await permissions.grants.sharings_of(of.name, [row[of.id] for row in rows])
        sees_emails = await permissions.allows_on_collection(actor, "account", "read")
        return [self._listed(actor, row, sharings, sees_emails) for row in rows], total

    async def count(
        self, actor: Actor, action: str, filter_: ResourceFilter, *, in_thread: bool = False
    ) -> int:
        """Return the number of rows to which the actor may do `action`."""
        of = self._kind
        all_ = await self._permissions.where_allowed(actor, action, of.name, whole=True)
        where, args = filter_.joined_to(all_.sql, all_.args)
        (counted,) = await (fetch_all_in_thread if in_thread else fetch_all)(
            f"SELECT COUNT(*) AS total FROM {of.table} WHERE {where}",  # noqa: S608
            *args,
        )
        return int(counted["total"])

    async def row(self, value: str, *, by: str = "") -> dict[str, Any] | None:
        """Return a row, or None, without a permission check. `by`: as for `find`."""
        of = self._kind
        return await fetch_one(f"SELECT * FROM {of.table} WHERE {by or of.id} = $1", value)  # noqa: S608

    async def sharing_of(self, resource_id: str) -> Sharing:
        """Return with whom a resource is shared."""
        return await self._permissions.grants.sharing_of(self._kind.name, resource_id)

    # -- writing --------------------------------------------------------------------------------------------

    async def share(
        self,
        actor: Actor,
        resource: Resource,
        requested: RequestedSharing | None,
        *,
        is_new: bool = False,
    ) -> None:
        """Store with whom a resource is shared. Call it in the transaction that writes the resource.

        `requested`: None = the sharing stays; of a new resource, the default. Sharing that does not change is not
        checked again. Raises: InvalidRequest for users or groups that do not exist; Forbidden if the actor may not share
        this resource like this.
        """
        grants = self._permissions.grants
        before = await self.sharing_of(resource.id)
        if requested is None:
            wanted = (await self.rights_of(actor)).default_sharing if is_new else before
        elif requested.is_access_control and before.reads_as(requested.sharing):
            wanted = before  # a client that reads only `access_control` does not know the grants besides everyone
        else:
            wanted = requested.sharing
        if not wanted.same_as(before):
            await self._permissions.require(actor, "share", resource)
            (await self.rights_of(actor)).check(wanted)
        await grants.write(self._kind.name, resource.id, wanted)

    async def rights_of(self, actor: Actor) -> SharingRights:
        """Return with whom the actor may share resources of this kind."""
        return await sharing_rights_of(self._permissions, self._kind.name, actor)

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete rows with their grants. Call it in a transaction."""
        of = self._kind
        for some in chunks(ids):
            await self._permissions.grants.delete_many(of.name, some)
            await execute(
                f"DELETE FROM {of.table} WHERE {of.id} IN ({placeholders(len(some))})",  # noqa: S608
                *some,
            )

    async def check_room(self, owner_id: str, limit: int, things: str) -> None:
        """Check that an account has fewer rows than `limit`, before one is inserted. `things`: their name, for the error.

        Raises: InvalidRequest.
        """
        of = self._kind
        sql = f"SELECT COUNT(*) AS total FROM {of.table} WHERE {of.owner} = $1"  # noqa: S608
        (counted,) = await fetch_all(sql, owner_id)
        if counted["total"] >= limit:
            raise InvalidRequest(
                f"[ERROR: An account has at most {limit} {things}; delete some first]"
            )

    async def ids_of_owner(self, owner_id: str) -> list[str]:
        """Return the ids of an account's rows."""
        of = self._kind
        sql = f"SELECT {of.id} AS id FROM {of.table} WHERE {of.owner} = $1 ORDER BY {of.id}"  # noqa: S608
        return [row["id"] for row in await fetch_all(sql, owner_id)]

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Transfer the rows of a deleted account to the new owner, or delete them with their grants."""
        of = self._kind
        if event.new_owner_id is None:
            await self.delete(await self.ids_of_owner(event.id))
        else:
            sql = f"UPDATE {of.table} SET {of.owner} = $2 WHERE {of.owner} = $1"  # noqa: S608
            await execute(sql, event.id, event.new_owner_id)

    def _listed(
        self, actor: Actor, row: dict[str, Any], sharings: dict[str, Sharing], sees_emails: bool
    ) -> ListedResource:
        owner_id, name = row[self._kind.owner], row["owner_name"]
        email = row["owner_email"] if sees_emails or owner_id == actor.id else ""
        owner = None if name is None else Owner(owner_id, name, row["owner_role"], email)
        sharing = sharings.get(row[self._kind.id], PRIVATE)
        return ListedResource(row, sharing, owner, bool(row["may_write"]))


def is_storable(value: str) -> bool:
    """Return whether a stored id or name could be this text. Check it before a query: databases do not store all characters."""
    return bool(value) and not any(one == "\x00" or "\ud800" <= one <= "\udfff" for one in value)
