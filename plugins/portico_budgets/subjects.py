"""The subjects of budgets: which exist, who manages them, and which are those of an actor."""

from collections.abc import Iterable, Mapping
from typing import Final

from portico.api import AppContext, InvalidRequest, TTLCache
from portico.api.auth import Actor
from portico.api.db import chunks, fetch_all, hold_rows, placeholders
from portico.api.interfaces import ApiKeyLookup
from portico_budgets.budget import EVERYONE, Subject, parse_subject

#: `Actor.credential` of API keys.
KEY_CREDENTIAL = "key"

_OWNERS: Final = "SELECT id, account_id FROM portico_group WHERE id IN ({})"


class Subjects:
    """Finds subjects. `groups`: the groups of accounts that made calls lately."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._groups: TTLCache[str, tuple[str, ...]] = TTLCache(
            app.identity.settings.base_cache_seconds
        )

    def clear_cache(self) -> None:
        """Read the groups of accounts again."""
        self._groups.clear()

    async def existing(self, text: str) -> Subject:
        """Return the subject of a text. Until the transaction ends, accounts and groups are not deleted.

        Raises: InvalidRequest if there is no such subject.
        """
        subject = parse_subject(text)
        if subject is None:
            raise InvalidRequest(
                "The subject of a budget is user:<id>, group:<id>, key:<id>, model:<id> or everyone."
            )
        if not await self._exists(subject):
            raise InvalidRequest(f"There is no {_NAMES[subject.kind]} with the id {subject.id}.")
        return subject

    async def managers(self, subjects: Iterable[Subject]) -> Mapping[Subject, str]:
        """Return the accounts that manage these subjects: the owners of groups. Other subjects have none."""
        groups = [one.id for one in dict.fromkeys(subjects) if one.kind == "group"]
        return {
            Subject("group", row["id"]): row["account_id"]
            for some in chunks(groups)
            for row in await fetch_all(_OWNERS.format(placeholders(len(some))), *some)
        }

    async def of_actor(self, actor: Actor, *, with_groups: bool = True) -> list[Subject]:
        """Return everyone, the account, the API key of the request, and the groups of the account."""
        subjects = [EVERYONE, Subject("user", actor.id)]
        if actor.credential == KEY_CREDENTIAL and actor.session_id:
            subjects.append(Subject("key", actor.session_id))
        if not with_groups:
            return subjects
        groups = await self._groups.get_or_load(actor.id, self._group_ids) or ()
        return subjects + [Subject("group", one) for one in groups]

    async def keys_of(self, account_id: str) -> list[Subject]:
        """Return the API keys of an account."""
        keys = self._app.services.get(ApiKeyLookup)
        return [Subject("key", one) for one in await keys.ids_of(account_id)] if keys else []

    async def usable_models(self, actor: Actor, among: Iterable[Subject]) -> list[Subject]:
        """Return those of these models that the actor may use."""
        is_usable = self._app.catalogue.is_usable
        return [one for one in among if await is_usable(one.id, actor)]

    async def _group_ids(self, account_id: str) -> tuple[str, ...]:
        return tuple(await self._app.identity.groups.ids_of_account(account_id))

    async def _exists(self, subject: Subject) -> bool:
        match subject.kind:
            case "user":
                return bool(await hold_rows("portico_account", [subject.id]))
            case "group":
                return bool(await hold_rows("portico_group", [subject.id]))
            case "key":
                keys = self._app.services.get(ApiKeyLookup)
                return keys is not None and await keys.owner_of(subject.id) is not None
            case "model":
                return await self._app.catalogue.find_for_operator(subject.id) is not None
            case "everyone":
                return True


_NAMES = {"user": "account", "group": "group", "key": "API key", "model": "model"}
