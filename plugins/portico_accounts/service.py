"""What an administrator does with people and groups. No HTTP, and no SQL: identity keeps both."""

from typing import Any

import msgspec

from portico.api import Account, Actor, Group, House, NotFound
from portico_accounts.schemas import AddedAccount, GroupAnswer, NewAccount, NewGroup


class NoSuchAccount(NotFound):
    """Nobody has this e-mail address. Said only to whoever sits at the server's own keyboard."""

    def __init__(self, email: str) -> None:
        super().__init__(
            f"Nobody has the e-mail address {email}; `portico user list` shows who there is."
        )


async def add_account(house: House, form: NewAccount) -> Account:
    """Make an account with a password.

    Raises: Invalid for a malformed or taken e-mail address, a password that will not do, an unknown role.
    """
    identity = house.identity
    await identity.directory.check_free(form.email)
    return await identity.directory.create_account(
        name=form.name,
        email=form.email,
        password_hash=await identity.passwords.hash(form.password),
        role=form.role,
        profile_image_url=form.profile_image_url,
    )


async def reset_password(house: House, email: str, password: str) -> None:
    """Give somebody another password, which ends all their sign-ins. Raises: Invalid, NotFound."""
    account = await account_of(house, email)
    hashed = await house.identity.passwords.hash(password)
    await house.identity.directory.set_password_hash(account.id, hashed)


async def set_role(house: House, email: str, role: str) -> Account:
    """Give somebody another role. Raises: Invalid, NotFound, Forbidden for the last administrator."""
    account = await account_of(house, email)
    return await house.identity.directory.set_role(account.id, role)


async def account_of(house: House, email: str) -> Account:
    """The account of an e-mail address. Raises: NoSuchAccount."""
    account = await house.identity.directory.by_email(email)
    if account is None:
        raise NoSuchAccount(email)
    return account


async def create_group(house: House, actor: Actor, form: NewGroup) -> GroupAnswer:
    """Make a group without members."""
    group = await house.identity.directory.create_group(
        name=form.name,
        description=form.description,
        by=actor.id,
        permissions=form.permissions,
        data=form.data,
    )
    return describe(group)


async def add_members(house: House, group_id: str, account_ids: list[str]) -> GroupAnswer:
    """Let people into a group; ids that are nobody's are passed over. Raises: Invalid for an unknown group."""
    return describe(await house.identity.directory.add_members(group_id, account_ids))


def added(account: Account) -> AddedAccount:
    """An account as its maker sees it."""
    return msgspec.convert(account, AddedAccount, from_attributes=True)


def describe(group: Group) -> GroupAnswer:
    """A group as clients know it."""
    return GroupAnswer(
        id=group.id,
        user_id=group.account_id,
        name=group.name,
        description=group.description,
        data=_read(group.data),
        meta=_read(group.meta),
        permissions=_read(group.permissions),
        created_at=group.created_at,
        updated_at=group.updated_at,
        member_count=group.member_count,
    )


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
