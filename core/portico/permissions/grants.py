"""Storage of grants: written in the caller's transaction, read for one resource or for many at once."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Final

from portico.audit import record_many
from portico.cache import TTLCache
from portico.db import (
    MAX_ROWS_PER_STATEMENT,
    after_commit,
    chunks,
    execute,
    fetch_all,
    hold_for_deletion,
    hold_rows,
    in_transaction,
    new_id,
    now,
    placeholder_rows,
    placeholders,
)
from portico.errors import InvalidRequest
from portico.permissions.access_grants import read_rights
from portico.permissions.resource import Resource
from portico.permissions.sharing import PRIVATE, PrincipalKind, Share, Sharing, read_access_control
from portico.permissions.subjects import EVERYONE, READER, WRITER, Subjects

_COLUMNS: Final = (
    *("id", "resource_kind", "resource_id", "action"),
    *("principal_kind", "principal_id", "position", "created_at"),
)
_INSERT = f"INSERT INTO portico_grant ({', '.join(_COLUMNS)}) VALUES {{}}"  # noqa: S608 - our own
_DELETE = "DELETE FROM portico_grant WHERE resource_kind = $1 AND resource_id IN ({})"
_OF_KIND = (
    "SELECT resource_id, action, principal_kind, principal_id FROM portico_grant "
    "WHERE resource_kind = $1{} ORDER BY resource_id, position"
)
_ONE = "FROM portico_grant g{} WHERE g.resource_kind = $1 AND g.resource_id = $2 AND g.action = "
_EACH = " AND g.principal_kind = "
_JOIN = " CROSS JOIN portico_group_member m"
_MINE = "'group' AND m.group_id = g.principal_id AND m.account_id = $3"
# Each part looks up a whole key, so the number of other grants on the resource does not matter.
_HELD = " UNION ALL ".join(
    (
        f"SELECT '{EVERYONE}' AS relation {_ONE.format('')}'read'{_EACH}'everyone'",
        f"SELECT '{READER}' {_ONE.format('')}'read'{_EACH}'user' AND g.principal_id = $3",
        f"SELECT '{WRITER}' {_ONE.format('')}'write'{_EACH}'user' AND g.principal_id = $3",
        f"SELECT DISTINCT '{READER}' {_ONE.format(_JOIN)}'read'{_EACH}{_MINE}",
        f"SELECT DISTINCT '{WRITER}' {_ONE.format(_JOIN)}'write'{_EACH}{_MINE}",
    )
)
_GRANTED_TO = (
    "SELECT DISTINCT resource_kind, resource_id FROM portico_grant "
    "WHERE principal_kind = $1 AND principal_id = $2 ORDER BY resource_kind, resource_id"
)
#: Principals that one error message names.
MAX_NAMED: Final = 50
_DELETE_PRINCIPAL = "DELETE FROM portico_grant WHERE principal_kind = $1 AND principal_id = $2"
#: The table of each kind of principal.
_TABLES: Final = {"user": "portico_account", "group": "portico_group"}


class Grants:
    """Reads and writes who a resource is shared with. Ids are compared whole: none can act as a pattern or a policy.

    `ttl_seconds`: how long the relations of an actor to a resource are cached.
    """

    #: Parse a client's `access_control`; parse that and its `access_grants` as one, None if it sent neither; and the
    #: sharing without any grant.
    read = staticmethod(read_access_control)
    read_rights = staticmethod(read_rights)
    PRIVATE: Final = PRIVATE

    def __init__(self, ttl_seconds: float = 0) -> None:
        self.cache: TTLCache[tuple[str, str, str], Subjects] = TTLCache(ttl_seconds)
        #: Grows with every event in this process after which cached decisions may be outdated.
        self.changes = 0

    async def sharing_of(self, kind: str, resource_id: str) -> Sharing:
        """Return who one resource is shared with. One statement."""
        return (await self.sharings_of(kind, [resource_id])).get(resource_id, PRIVATE)

    async def sharings_of(self, kind: str, ids: Sequence[str] | None = None) -> dict[str, Sharing]:
        """Return who resources of a kind are shared with; those without grants are left out.

        `ids` None = every resource of the kind. One statement for each 500 ids.
        """
        found: list[dict[str, Any]] = []
        if ids is None:
            found = await fetch_all(_OF_KIND.format(""), kind)
        for chunk in chunks(ids or ()):
            within = f" AND resource_id IN ({placeholders(len(chunk), first=2)})"
            found += await fetch_all(_OF_KIND.format(within), kind, *chunk)
        shares: dict[str, list[Share]] = {}
        for row in found:
            share = Share(row["action"], row["principal_kind"], row["principal_id"])
            shares.setdefault(row["resource_id"], []).append(share)
        return {resource_id: Sharing(tuple(held)) for resource_id, held in shares.items()}

    async def relations_of(self, actor_id: str, resource: Resource) -> Subjects:
        """Return the relations that grants give an actor to a resource: by name, through a group, or as everyone.

        Cached, except inside a transaction, where the cache may be older than what the transaction has written.
        """
        key = (actor_id, resource.kind, resource.id)
        if in_transaction():
            return await self._load(key)
        return await self.cache.get_or_load(key, self._load) or frozenset()

    async def _load(self, key: tuple[str, str, str]) -> Subjects:
        actor_id, kind, resource_id = key
        if not resource_id:
            return frozenset()
        return frozenset(
            row["relation"] for row in await fetch_all(_HELD, kind, resource_id, actor_id)
        )

    def clear_cache(self) -> None:
        """Read relations again at the next call, and count the change."""
        self.changes += 1
        self.cache.clear()

    async def write(self, kind: str, resource_id: str, sharing: Sharing) -> None:
        """Replace the sharing of one resource. As `write_many`."""
        await self.write_many(kind, {resource_id: sharing})

    async def write_many(self, kind: str, wanted: Mapping[str, Sharing]) -> None:
        """Replace the sharing of resources. Call it inside the transaction that writes the resources.

        `wanted`: by the resource's id. A few statements for each hundred. Raises: InvalidRequest if a user or group does
        not exist; one that the resource was shared with before and that was deleted since is dropped silently.
        """
        before = await self.sharings_of(kind, list(wanted))
        changed = {
            resource_id: sharing
            for resource_id, sharing in wanted.items()
            if sharing.shares != before.get(resource_id, PRIVATE).shares
        }
        missing = await self.missing(changed.values())
        for resource_id, sharing in changed.items():
            old = before.get(resource_id, PRIVATE)
            if unknown := missing.intersection(sharing.shares) - set(old.shares):
                raise InvalidRequest(f"[ERROR: access_control names {describe_missing(unknown)}]")
        new = {resource_id: _without(sharing, missing) for resource_id, sharing in changed.items()}
        await self._drop(kind, [resource_id for resource_id in new if resource_id in before])
        await self._insert(kind, new)
        await self._record(kind, before, new)

    async def missing(self, sharings: Iterable[Sharing]) -> set[Share]:
        """Return the shares whose user or group does not exist. One statement for each 500 users or groups.

        Inside a transaction the others cannot be deleted until it ends, so no grant is left for a deleted account.
        """
        named = {share for sharing in sharings for share in sharing.shares}
        missing: set[Share] = set()
        for kind, table in _TABLES.items():
            wanted = {share.principal_id for share in named if share.principal_kind == kind}
            gone = wanted - await hold_rows(table, wanted)
            missing |= {s for s in named if s.principal_kind == kind and s.principal_id in gone}
        return missing

    async def delete(self, kind: str, resource_id: str) -> None:
        """Delete all grants on a resource. Call it inside the transaction that deletes the resource."""
        await self.delete_many(kind, [resource_id])

    async def delete_many(self, kind: str, ids: Sequence[str]) -> None:
        """Delete all grants on many resources. As `delete`."""
        before = await self.sharings_of(kind, ids)
        await self._drop(kind, list(before))
        await self._record(kind, before, dict.fromkeys(before, PRIVATE))

    async def without_missing(self, sharing: Sharing) -> Sharing:
        """Return the sharing without users and groups that do not exist."""
        missing = await self.missing([sharing])
        return _without(sharing, missing)

    async def granted_to(
        self, principal_kind: PrincipalKind, principal_id: str
    ) -> dict[str, list[str]]:
        """Return the resources that are shared with a user or group by name: ids by kind."""
        given: dict[str, list[str]] = {}
        for found in await fetch_all(_GRANTED_TO, principal_kind, principal_id):
            given.setdefault(found["resource_kind"], []).append(found["resource_id"])
        return given

    async def remove_principal(self, principal_kind: PrincipalKind, principal_id: str) -> None:
        """Delete all grants to a user or group. Call it inside the transaction that deletes the user or group."""
        if principal_kind in _TABLES:
            await hold_for_deletion(_TABLES[principal_kind], principal_id)
        given = await self.granted_to(principal_kind, principal_id)
        before = {kind: await self.sharings_of(kind, ids) for kind, ids in given.items()}
        await execute(_DELETE_PRINCIPAL, principal_kind, principal_id)
        for kind, old in before.items():
            new = {
                resource_id: sharing.without(principal_kind, principal_id)
                for resource_id, sharing in old.items()
            }
            await self._record(kind, old, new)
        after_commit(self.clear_cache)

    async def _record(
        self, kind: str, before: Mapping[str, Sharing], after: Mapping[str, Sharing]
    ) -> None:
        """Write an audit entry for each resource in `after`."""
        changes = [
            (
                resource_id,
                before.get(resource_id, PRIVATE).full_document(),
                sharing.full_document(),
            )
            for resource_id, sharing in after.items()
        ]
        await record_many("grant.changed", kind, changes)
        if changes:
            after_commit(self.clear_cache)

    async def _drop(self, kind: str, ids: Sequence[str]) -> None:
        for chunk in chunks(ids):
            await execute(_DELETE.format(placeholders(len(chunk), first=2)), kind, *chunk)

    async def _insert(self, kind: str, wanted: Mapping[str, Sharing]) -> None:
        at = now()
        values = [
            (new_id(), kind, resource_id, *_columns(share), position, at)
            for resource_id, sharing in wanted.items()
            for position, share in enumerate(sharing.shares)
        ]
        for rows in chunks(values, MAX_ROWS_PER_STATEMENT):
            sql = _INSERT.format(placeholder_rows(len(rows), len(_COLUMNS)))
            await execute(sql, *(value for row in rows for value in row))


def describe_missing(unknown: Iterable[Share]) -> str:
    """Return a phrase for an error message that names users and groups which do not exist, by id."""
    ids = sorted({f"{one.principal_kind} {one.principal_id}" for one in unknown})
    more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
    verb = "do" if len(ids) > 1 else "does"
    return f"{', '.join(ids[:MAX_NAMED])}{more}, which {verb} not exist here"


def _without(sharing: Sharing, gone: Container[Share]) -> Sharing:
    return Sharing(tuple(share for share in sharing.shares if share not in gone))


def _columns(share: Share) -> tuple[str, str, str]:
    return share.action, share.principal_kind, share.principal_id
