"""What happens to accounts, sign-ins and groups, for whoever listens. Published after the commit."""

import msgspec


class AccountCreated(msgspec.Struct, frozen=True):
    """Somebody has an account now."""

    id: str
    role: str


class AccountChanged(msgspec.Struct, frozen=True):
    """Role, password or profile of an account is another than before."""

    id: str


class AccountDeleted(msgspec.Struct, frozen=True):
    """An account is gone, and with it all that was its own."""

    id: str


class AccountDeleting(msgspec.Struct, frozen=True):
    """An account is about to be deleted, in the transaction that is open: whoever keeps something of it deletes
    it now, or hands it over.

    `heir`: who is given what others still use; None = nobody, delete it all.
    """

    id: str
    new_owner_id: str | None


class GroupDeleting(msgspec.Struct, frozen=True):
    """A group is about to be deleted, in the transaction that is open."""

    id: str


class SessionRevoked(msgspec.Struct, frozen=True):
    """A sign-in has ended before its time; `session_id` None = every one of the account, or all but one.

    `expires_at`: when it would have ended, in epoch seconds; None = never, or it is not known.
    """

    account_id: str
    session_id: str | None = None
    expires_at: int | None = None


class ApiKeyRevoked(msgspec.Struct, frozen=True):
    """A key is not good any more, or not for what it was; connections that stay open have to be looked at again.

    `key_id`: the `session_id` of the actors it stood for.
    """

    account_id: str
    key_id: str


class GroupChanged(msgspec.Struct, frozen=True):
    """A group was made or deleted, or its members or permissions are others than before."""

    id: str


#: All that is told after a commit; the two `…Leaving` are told before.
EVENTS = (AccountCreated, AccountChanged, AccountDeleted, SessionRevoked, GroupChanged)
