"""The account in whose name a command imports resources."""

from portico.errors import NotFound
from portico.identity import Actor, Identity


async def import_actor(identity: Identity, email: str | None) -> Actor:
    """Return the account with this address; without one, the first administrator. Raises: NotFound."""
    accounts = identity.accounts
    if email is not None:
        account = await accounts.require_by_email(email)
    else:
        admin_id = await accounts.first_admin_id()
        if admin_id is None:
            raise NotFound("There is no administrator yet. Name the owner with --owner.")
        account = await accounts.by_id(admin_id)
    return Actor(
        account.id, account.email, account.name, account.role, account.profile_image_url, ""
    )
