"""Events about accounts. Published after the commit, except `AccountDeleting`."""

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
