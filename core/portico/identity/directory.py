"""Everybody and every group, in one place to ask."""

from collections.abc import Awaitable, Callable

from portico.events import EventBus
from portico.identity.accounts.accounts import Accounts
from portico.identity.groups.groups import Groups
from portico.identity.sessions.sessions import Sessions


class Directory(Accounts, Groups):
    """Who there is: accounts, and the groups they are in."""

    def __init__(
        self, sessions: Sessions, bus: EventBus, default_role: Callable[[], Awaitable[str]]
    ) -> None:
        Accounts.__init__(self, sessions, bus, default_role)
        Groups.__init__(self, bus)
