"""Events about accounts, sessions and groups. Published after the commit, except the two `…Deleting`."""

import msgspec


class AccountCreated(msgspec.Struct, frozen=True):
    """An account was created."""

    id: str
    role: str


class AccountChanged(msgspec.Struct, frozen=True):
    """The role, password, profile or status of an account changed."""

    id: str


class AccountDeleted(msgspec.Struct, frozen=True):
    """An account and everything it owned was deleted."""

    id: str


class AccountDeleting(msgspec.Struct, frozen=True):
    """An account is about to be deleted. Published inside the deleting transaction.

    Listeners delete what belongs to the account, or transfer it. `new_owner_id`: the account that is given what
    others still use; None = delete everything.
    """

    id: str
    new_owner_id: str | None


class GroupDeleting(msgspec.Struct, frozen=True):
    """A group is about to be deleted. Published inside the deleting transaction."""

    id: str


class SessionRevoked(msgspec.Struct, frozen=True):
    """A session ended before it expired; `session_id` None = all sessions of the account, or all except one.

    `expires_at`: when it would have expired, in epoch seconds; None = never or unknown.
    """

    account_id: str
    session_id: str | None = None
    expires_at: int | None = None


class ApiKeyRevoked(msgspec.Struct, frozen=True):
    """An API key was deleted or restricted, so open connections have to be checked again.

    `key_id`: the `session_id` of the actors that used it.
    """

    account_id: str
    key_id: str


class GroupChanged(msgspec.Struct, frozen=True):
    """A group was created or deleted, or its members or permissions changed."""

    id: str


#: The events after which cached account and group data is out of date.
EVENTS = (AccountCreated, AccountChanged, AccountDeleted, SessionRevoked, GroupChanged)
