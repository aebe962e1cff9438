"""What an administrator does with people. No HTTP, and no SQL: identity keeps both."""

import msgspec

from portico.api import Account, House, NotFound
from portico_accounts.schemas import AddedAccount, NewAccount


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


def added(account: Account) -> AddedAccount:
    """An account as its maker sees it."""
    return msgspec.convert(account, AddedAccount, from_attributes=True)
