"""Who and what somebody at the keyboard means."""

from collections.abc import Sequence

from portico.api import AppContext, Group, InvalidRequest, NotFound, likeness


async def find(app: AppContext, which: str) -> Group:
    """The group of an id, else of a name, else of one that looks like it. Raises: NotFound; Invalid for a name that several groups have."""
    found = await app.identity.groups.find(which)
    if found is not None:
        return found
    groups = await app.identity.groups.all()
    named = [one for one in groups if one.name == which]
    named = named or [one for one in groups if likeness(one.name) == likeness(which)]
    if not named:
        raise NotFound(f"There is no group {which}; `portico group list` shows which there are.")
    if len(named) > 1:
        ids = ", ".join(one.id for one in named)
        raise InvalidRequest(f"Several groups are called {which}; say which by its id: {ids}")
    return named[0]


async def account_ids(app: AppContext, people: Sequence[str]) -> list[str]:
    """The ids of people named by e-mail address or id. Raises: NotFound, naming all who are unknown."""
    accounts = app.identity.accounts
    ids, unknown = [], []
    for one in people:
        account = await (accounts.by_email(one) if "@" in one else accounts.find(one))
        if account is None:
            unknown.append(one)
        else:
            ids.append(account.id)
    if unknown:
        raise NotFound(f"Nobody is {', '.join(unknown)}; `portico user list` shows who there is.")
    return ids
