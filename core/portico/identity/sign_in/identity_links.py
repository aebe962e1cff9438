"""Links between accounts and external identities. Subjects are compared byte by byte on both databases."""

from portico import audit
from portico.db import execute, fetch_all, now, transaction
from portico.errors import INVALID_CRED, InvalidRequest
from portico.identity.sign_in.providers import MAX_SUBJECT_BYTES

_FIND = "SELECT account_id FROM portico_identity_link WHERE provider = $1 AND subject = $2"
_OF = "SELECT provider, subject, created_at FROM portico_identity_link WHERE account_id = $1 ORDER BY provider, subject"
_ADD = (
    "INSERT INTO portico_identity_link (provider, subject, account_id, created_at) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (provider, subject) DO NOTHING RETURNING account_id"
)
_DROP = "DELETE FROM portico_identity_link WHERE provider = $1 AND subject = $2 AND account_id = $3"


class IdentityLinks:
    """Stores links by provider and subject. Each change is recorded in the audit log."""

    async def account_id(self, provider: str, subject: str) -> str | None:
        """Return the account id of a subject, or None. Raises: InvalidRequest if the subject is not valid."""
        check_subject(subject)
        rows = await fetch_all(_FIND, provider, subject)
        return str(rows[0]["account_id"]) if rows else None

    async def of(self, account_id: str) -> list[tuple[str, str]]:
        """Return the links of an account. Shape: pairs of provider and subject."""
        return [(row["provider"], row["subject"]) for row in await fetch_all(_OF, account_id)]

    async def add(self, provider: str, subject: str, account_id: str) -> None:
        """Link a subject to an account. Raises: InvalidRequest if it is linked already."""
        check_subject(subject)
        async with transaction():
            if not await fetch_all(_ADD, provider, subject, account_id, now()):
                raise InvalidRequest(INVALID_CRED)
            await audit.record_change("account.linked", "account", account_id, new=provider)

    async def add_imported(self, provider: str, subject: str, account_id: str, at: int) -> bool:
        """Link a subject of an imported account, without an entry of its own in the audit log. Returns whether it is new.

        Units: `at` in epoch seconds. Raises: InvalidRequest if the subject is not valid, or is linked to another account.
        """
        check_subject(subject)
        if await fetch_all(_ADD, provider, subject, account_id, at):
            return True
        if await self.account_id(provider, subject) != account_id:
            raise InvalidRequest(INVALID_CRED)
        return False

    async def remove(self, provider: str, subject: str, account_id: str) -> bool:
        """Remove a link. Returns whether it existed."""
        async with transaction():
            removed = await execute(_DROP, provider, subject, account_id)
            if removed:
                await audit.record_change("account.unlinked", "account", account_id, old=provider)
        return bool(removed)


def check_subject(subject: str) -> None:
    """Raises: InvalidRequest if the subject is empty, too long, or cannot be stored."""
    try:
        size = len(subject.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(INVALID_CRED) from None
    if not 0 < size <= MAX_SUBJECT_BYTES or "\x00" in subject:
        raise InvalidRequest(INVALID_CRED)
