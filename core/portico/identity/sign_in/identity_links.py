"""Which account a provider means by a subject. Subjects are compared byte by byte, on every database."""

from portico import audit
from portico.db import execute, fetch_all, now, transaction
from portico.errors import INVALID_CRED, InvalidRequest
from portico.identity.providers import MAX_SUBJECT_BYTES

_FIND = "SELECT account_id FROM portico_link WHERE provider = $1 AND subject = $2"
_OF = "SELECT provider, subject, created_at FROM portico_link WHERE account_id = $1 ORDER BY provider, subject"
_ADD = (
    "INSERT INTO portico_link (provider, subject, account_id, created_at) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (provider, subject) DO NOTHING RETURNING account_id"
)
_DROP = "DELETE FROM portico_link WHERE provider = $1 AND subject = $2 AND account_id = $3"


class IdentityLinks:
    """Accounts by what their providers call them. Each change is noted in the audit trail."""

    async def account_id(self, provider: str, subject: str) -> str | None:
        """Whose subject this is. Raises: Invalid for what no provider calls anybody."""
        check_subject(subject)
        found = await fetch_all(_FIND, provider, subject)
        return str(found[0]["account_id"]) if found else None

    async def of(self, account_id: str) -> list[tuple[str, str]]:
        """Pairs of provider and subject of one account."""
        return [(one["provider"], one["subject"]) for one in await fetch_all(_OF, account_id)]

    async def add(self, provider: str, subject: str, account_id: str) -> None:
        """From now on this subject is this account. Raises: Invalid if it is somebody already."""
        check_subject(subject)
        async with transaction():
            if not await fetch_all(_ADD, provider, subject, account_id, now()):
                raise InvalidRequest(INVALID_CRED)
            await audit.record_change("account.linked", "account", account_id, new=provider)

    async def remove(self, provider: str, subject: str, account_id: str) -> bool:
        """The subject is nobody any more. Returns whether it was this account."""
        async with transaction():
            dropped = await execute(_DROP, provider, subject, account_id)
            if dropped:
                await audit.record_change("account.unlinked", "account", account_id, old=provider)
        return bool(dropped)


def check_subject(subject: str) -> None:
    """Raises: Invalid for an empty subject, one that is too long, or one that not every database could hold."""
    try:
        size = len(subject.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(INVALID_CRED) from None
    if not 0 < size <= MAX_SUBJECT_BYTES or "\x00" in subject:
        raise InvalidRequest(INVALID_CRED)
