"""The rows behind sharing: written in the caller's transaction, read for one thing or for many at once."""

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
_FORGET = "DELETE FROM portico_grant WHERE resource_kind = $1 AND resource_id IN ({})"
_OF_KIND = (
    "SELECT resource_id, action, principal_kind, principal_id FROM portico_grant "
    "WHERE resource_kind = $1{} ORDER BY resource_id, position"
)
_ONE = "FROM portico_grant g{} WHERE g.resource_kind = $1 AND g.resource_id = $2 AND g.action = "
_EACH = " AND g.principal_kind = "
_JOIN = " CROSS JOIN portico_group_member m"
_MINE = "'group' AND m.group_id = g.principal_id AND m.account_id = $3"
# Looked up by whole keys: how many others a thing is shared with does not matter.
_HELD = " UNION ALL ".join(
    (
        f"SELECT '{EVERYONE}' AS tie {_ONE.format('')}'read'{_EACH}'everyone'",
        f"SELECT '{READER}' {_ONE.format('')}'read'{_EACH}'user' AND g.principal_id = $3",
        f"SELECT '{WRITER}' {_ONE.format('')}'write'{_EACH}'user' AND g.principal_id = $3",
        f"SELECT DISTINCT '{READER}' {_ONE.format(_JOIN)}'read'{_EACH}{_MINE}",
        f"SELECT DISTINCT '{WRITER}' {_ONE.format(_JOIN)}'write'{_EACH}{_MINE}",
    )
)
_GIVEN = (
    "SELECT DISTINCT resource_kind, resource_id FROM portico_grant "
    "WHERE principal_kind = $1 AND principal_id = $2 ORDER BY resource_kind, resource_id"
)
#: Holders that one sentence names.
MAX_NAMED: Final = 50
_LOSE = "DELETE FROM portico_grant WHERE principal_kind = $1 AND principal_id = $2"
#: Where a principal has a row.
_PLACES: Final = {"user": "portico_account", "group": "portico_group"}


class Grants:
    """Who was given what. Ids are data: nothing in one can act as a pattern or as policy.

    `moment`: seconds for which what somebody holds on a thing is remembered.
    """

    #: A client's `access_control` as a sharing; that and its `access_grants` as one, None if it sent neither; and the
    #: sharing that gives nothing to anybody.
    read = staticmethod(read_access_control)
    read_rights = staticmethod(read_rights)
    PRIVATE: Final = PRIVATE

    def __init__(self, moment: float = 0) -> None:
        self._held: TTLCache[tuple[str, str, str], Subjects] = TTLCache(moment)
        #: Grows whenever this process hears of something that makes what it remembers of access wrong.
        self.changes = 0

    async def sharing_of(self, kind: str, resource_id: str) -> Sharing:
        """Who one thing is shared with. One statement."""
        return (await self.sharings_of(kind, [resource_id])).get(resource_id, PRIVATE)

    async def sharings_of(self, kind: str, ids: Sequence[str] | None = None) -> dict[str, Sharing]:
        """Who things of a kind are shared with; those shared with nobody are left out.

        `ids` None = every thing of the kind. One statement for each 500 ids.
        """
        found: list[dict[str, Any]] = []
        if ids is None:
            found = await fetch_all(_OF_KIND.format(""), kind)
        for some in chunks(ids or ()):
            within = f" AND resource_id IN ({placeholders(len(some), first=2)})"
            found += await fetch_all(_OF_KIND.format(within), kind, *some)
        shares: dict[str, list[Share]] = {}
        for row in found:
            share = Share(row["action"], row["principal_kind"], row["principal_id"])
            shares.setdefault(row["resource_id"], []).append(share)
        return {resource_id: Sharing(tuple(held)) for resource_id, held in shares.items()}

    async def relations_of(self, actor_id: str, resource: Resource) -> Subjects:
        """How somebody is tied to one thing by grants: by name, through a group, or as one of everyone.

        At most one statement a moment. Inside a transaction always one: there, what is remembered may be from before.
        """
        key = (actor_id, resource.kind, resource.id)
        if in_transaction():
            return await self._ask(key)
        return await self._held.get_or_load(key, self._ask) or frozenset()

    async def _ask(self, key: tuple[str, str, str]) -> Subjects:
        actor_id, kind, resource_id = key
        if not resource_id:
            return frozenset()
        return frozenset(row["tie"] for row in await fetch_all(_HELD, kind, resource_id, actor_id))

    def clear_cache(self) -> None:
        """Some grant or membership is not what it was."""
        self.changes += 1
        self._held.clear()

    async def write(self, kind: str, resource_id: str, sharing: Sharing) -> None:
        """Share a thing with exactly these from now on. As `write_many`, for one."""
        await self.write_many(kind, {resource_id: sharing})

    async def write_many(self, kind: str, wanted: Mapping[str, Sharing]) -> None:
        """Share things with exactly these from now on. Call it inside the transaction that writes the things.

        `wanted`: by the thing's id. A few statements for every hundred. Raises: Invalid if a person or group does not
        exist; one that the thing was shared with before and that is gone since is dropped without a word.
        """
        before = await self.sharings_of(kind, list(wanted))
        changed = {
            resource_id: sharing
            for resource_id, sharing in wanted.items()
            if sharing.shares != before.get(resource_id, PRIVATE).shares
        }
        missing = await self.missing(changed.values())
        for resource_id, sharing in changed.items():
            was = before.get(resource_id, PRIVATE)
            if unknown := missing.intersection(sharing.shares) - set(was.shares):
                raise InvalidRequest(f"[ERROR: access_control names {describe_missing(unknown)}]")
        kept = {resource_id: _without(sharing, missing) for resource_id, sharing in changed.items()}
        await self._drop(kind, [one for one in kept if one in before])
        await self._insert(kind, kept)
        await self._changed(kind, before, kept)

    async def missing(self, sharings: Iterable[Sharing]) -> set[Share]:
        """The shares of people and groups that there are not. A statement for each 500 of a sort.

        Inside a transaction the others stay until it ends, so that nothing is given to an account that is just going.
        """
        named = {share for sharing in sharings for share in sharing.shares}
        missing: set[Share] = set()
        for kind, table in _PLACES.items():
            wanted = {share.principal_id for share in named if share.principal_kind == kind}
            gone = wanted - await hold_rows(table, wanted)
            missing |= {s for s in named if s.principal_kind == kind and s.principal_id in gone}
        return missing

    async def delete(self, kind: str, resource_id: str) -> None:
        """Drop all that was given on a thing. Call it inside the transaction that deletes the thing."""
        await self.forget_many(kind, [resource_id])

    async def forget_many(self, kind: str, ids: Sequence[str]) -> None:
        """The same for many things."""
        before = await self.sharings_of(kind, ids)
        await self._drop(kind, list(before))
        await self._changed(kind, before, dict.fromkeys(before, PRIVATE))

    async def without_missing(self, sharing: Sharing) -> Sharing:
        """The same without the people and groups that are gone."""
        missing = await self.missing([sharing])
        return _without(sharing, missing)

    async def granted_to(
        self, principal_kind: PrincipalKind, principal_id: str
    ) -> dict[str, list[str]]:
        """What a person or group was given something on by name: ids by kind."""
        given: dict[str, list[str]] = {}
        for found in await fetch_all(_GIVEN, principal_kind, principal_id):
            given.setdefault(found["resource_kind"], []).append(found["resource_id"])
        return given

    async def remove_principal(self, principal_kind: PrincipalKind, principal_id: str) -> None:
        """Drop all that was given to a person or group that leaves. Call it inside the transaction that deletes it."""
        if principal_kind in _PLACES:
            await hold_for_deletion(_PLACES[principal_kind], principal_id)
        given = await self.granted_to(principal_kind, principal_id)
        before = {kind: await self.sharings_of(kind, ids) for kind, ids in given.items()}
        await execute(_LOSE, principal_kind, principal_id)
        for kind, were in before.items():
            left = {one: was.without(principal_kind, principal_id) for one, was in were.items()}
            await self._changed(kind, were, left)
        after_commit(self.clear_cache)

    async def _changed(
        self, kind: str, before: Mapping[str, Sharing], after: Mapping[str, Sharing]
    ) -> None:
        """Note the changes of the things in `after`."""
        changes = [
            (
                resource_id,
                before.get(resource_id, PRIVATE).whole_document(),
                sharing.whole_document(),
            )
            for resource_id, sharing in after.items()
        ]
        await record_many("grants.changed", kind, changes)
        if changes:
            after_commit(self.clear_cache)

    async def _drop(self, kind: str, ids: Sequence[str]) -> None:
        for some in chunks(ids):
            await execute(_FORGET.format(placeholders(len(some), first=2)), kind, *some)

    async def _insert(self, kind: str, wanted: Mapping[str, Sharing]) -> None:
        at = now()
        values = [
            (new_id(), kind, resource_id, *_whom(share), position, at)
            for resource_id, sharing in wanted.items()
            for position, share in enumerate(sharing.shares)
        ]
        for some in chunks(values, MAX_ROWS_PER_STATEMENT):
            sql = _INSERT.format(placeholder_rows(len(some), len(_COLUMNS)))
            await execute(sql, *(one for row in some for one in row))


def describe_missing(unknown: Iterable[Share]) -> str:
    """Holders that do not exist, in words, with their ids."""
    ids = sorted({f"{one.principal_kind} {one.principal_id}" for one in unknown})
    more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
    verb = "do" if len(ids) > 1 else "does"
    return f"{', '.join(ids[:MAX_NAMED])}{more}, which {verb} not exist here"


def _without(sharing: Sharing, gone: Container[Share]) -> Sharing:
    return Sharing(tuple(share for share in sharing.shares if share not in gone))


def _whom(share: Share) -> tuple[str, str, str]:
    return share.action, share.principal_kind, share.principal_id
