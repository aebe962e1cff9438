"""What whoever sits at the server's own keyboard does with accounts, which they name by e-mail address."""

from portico.api import Account, AppContext, NotFound, SessionInfo


class NoSuchAccount(NotFound):
    """Nobody has this e-mail address. Said only to whoever sits at the server's own keyboard."""

    def __init__(self, email: str) -> None:
        super().__init__(
            f"Nobody has the e-mail address {email}; `portico user list` shows who there is."
        )


async def reset_password(app: AppContext, email: str, password: str) -> None:
    """Give somebody another password, which ends all their sign-ins. Raises: Invalid, NotFound."""
    account = await account_of(app, email)
    hashed = await app.identity.passwords.hash(password)
    await app.identity.accounts.set_password_hash(account.id, hashed)


async def set_role(app: AppContext, email: str, role: str) -> Account:
    """Give somebody another role. Raises: Invalid, NotFound, Forbidden for the first and the last administrator."""
    account = await account_of(app, email)
    return await app.identity.accounts.set_role(account.id, role)


async def delete(app: AppContext, email: str, heir: str | None, *, delete_content: bool) -> None:
    """Delete somebody. `heir`: the e-mail address of who is given what others still use.

    Raises: NotFound, Invalid, Forbidden for the first and the last administrator.
    """
    account = await account_of(app, email)
    heir_id = (await account_of(app, heir)).id if heir else None
    await app.identity.accounts.delete(
        account.id, new_owner_id=heir_id, delete_content=delete_content
    )


async def sign_ins(app: AppContext, email: str) -> list[SessionInfo]:
    """Somebody's sign-ins, newest first, at most 30. Raises: NotFound."""
    account = await account_of(app, email)
    return (await app.identity.session_list.page(account.id))[0]


async def sign_out(app: AppContext, email: str) -> None:
    """End all of somebody's sign-ins. Raises: NotFound."""
    account = await account_of(app, email)
    await app.identity.session_list.end_all(account.id)


async def account_of(app: AppContext, email: str) -> Account:
    """The account of an e-mail address. Raises: NoSuchAccount."""
    account = await app.identity.accounts.by_email(email)
    if account is None:
        raise NoSuchAccount(email)
    return account
