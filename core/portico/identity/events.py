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
    """An account is gone, and with it its sign-ins and memberships.

    `by`: the administrator who did it, heir to what is kept. `delete_content`: keep nothing.
    """

    id: str
    by: str
    delete_content: bool = False


class SessionRevoked(msgspec.Struct, frozen=True):
    """A sign-in has ended before its time; `session_id` None = every one of the account."""

    account_id: str
    session_id: str | None = None


class GroupChanged(msgspec.Struct, frozen=True):
    """A group was made, or its members or permissions are others than before."""

    id: str


#: All of them.
EVENTS = (AccountCreated, AccountChanged, AccountDeleted, SessionRevoked, GroupChanged)
