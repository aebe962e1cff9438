"""Changes of accounts on the command line, where accounts are given by e-mail address."""

from portico.api import AppContext, Forbidden
from portico.api.auth import Account, SessionInfo


async def reset_password(app: AppContext, email: str, password: str) -> None:
    """Set another password, which ends all sessions of the account. Raises: InvalidRequest, NotFound."""
    account = await app.identity.accounts.require_by_email(email)
    hashed = await app.identity.hash_password(password)
    await app.identity.accounts.set_password_hash(account.id, hashed)


async def set_role(app: AppContext, email: str, role: str) -> Account:
    """Set another role. Raises: InvalidRequest, NotFound, Forbidden for the first and the last administrator."""
    account = await app.identity.accounts.require_by_email(email)
    try:
        return await app.identity.accounts.set_role(account.id, role)
    except Forbidden:
        raise Forbidden(await _why_not(app, account, "keeps the role admin")) from None


async def delete(app: AppContext, email: str, transfer_to: str, *, delete_content: bool) -> None:
    """Delete an account. `transfer_to`: e-mail address of the new owner of shared content; "" = first administrator.

    Raises: NotFound, InvalidRequest, Forbidden for the first and the last administrator.
    """
    account = await app.identity.accounts.require_by_email(email)
    new_owner_id = (
        (await app.identity.accounts.require_by_email(transfer_to)).id if transfer_to else None
    )
    try:
        await app.identity.accounts.delete(
            account.id, new_owner_id=new_owner_id, delete_content=delete_content
        )
    except Forbidden:
        raise Forbidden(await _why_not(app, account, "cannot be deleted")) from None


async def _why_not(app: AppContext, account: Account, rule: str) -> str:
    """Return why an administrator may not lose the role or the account, and what to do. `rule`: the end of a sentence."""
    if account.id == await app.identity.accounts.first_admin_id():
        return (
            f"{account.email} is the first administrator, the oldest account of all, which {rule}. "
            "Others may become administrators besides: `portico user set-role EMAIL admin`."
        )
    return (
        f"{account.email} is the last administrator, which {rule}. Make another account an administrator first: "
        "`portico user set-role EMAIL admin`."
    )


async def list_sessions(app: AppContext, email: str) -> list[SessionInfo]:
    """Return the newest sessions of an account, at most 30. Raises: NotFound."""
    account = await app.identity.accounts.require_by_email(email)
    return (await app.identity.session_list.page(account.id))[0]


async def sign_out(app: AppContext, email: str) -> None:
    """End all sessions of an account. Raises: NotFound."""
    account = await app.identity.accounts.require_by_email(email)
    await app.identity.session_list.end_all(account.id)
