"""Events about accounts. Published after the commit, except `AccountSigningUp` and `AccountDeleting`."""

import msgspec


class AccountCreated(msgspec.Struct, frozen=True):
    """An account was created."""

    id: str
    role: str


class AccountSigningUp(msgspec.Struct, frozen=True):
    """A user creates an account: by signing up, or with the first sign-in at an auth provider.

    Published inside the transaction that creates it. Accounts that administrators or commands create are not announced.
    """

    id: str


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
