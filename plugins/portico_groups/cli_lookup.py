"""The groups and accounts that arguments of commands name."""

from collections.abc import Sequence

from portico.api import AppContext, InvalidRequest, NotFound
from portico.api.auth import Group
from portico.api.text import likeness


async def find_group(app: AppContext, name_or_id: str) -> Group:
    """Return the group with this id, else with this name, else with a name that looks like it.

    Raises: NotFound; InvalidRequest for a name that several groups have.
    """
    found = await app.identity.groups.find(name_or_id)
    if found is not None:
        return found
    groups = await app.identity.groups.all()
    named = [one for one in groups if one.name == name_or_id]
    named = named or [one for one in groups if likeness(one.name) == likeness(name_or_id)]
    if not named:
        raise NotFound(f"There is no group {name_or_id}. `portico group list` lists all groups.")
    if len(named) > 1:
        ids = ", ".join(one.id for one in named)
        raise InvalidRequest(
            f"Several groups are named {name_or_id}. Use the id of the one you mean: {ids}"
        )
    return named[0]


async def find_accounts(app: AppContext, emails_or_ids: Sequence[str]) -> list[str]:
    """Return the ids of the accounts with these e-mail addresses or ids. Raises: NotFound, with all unknown ones."""
    accounts = app.identity.accounts
    ids, unknown = [], []
    for one in emails_or_ids:
        account = await accounts.by_email_or_id(one)
        if account is None:
            unknown.append(one)
        else:
            ids.append(account.id)
    if unknown:
        raise NotFound(
            f"There is no account {', '.join(unknown)}. `portico user list` lists all accounts."
        )
    return ids
