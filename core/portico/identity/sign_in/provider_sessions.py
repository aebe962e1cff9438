"""What people are at the providers they signed in at: for whoever speaks to those providers in their name."""

from typing import Protocol

import msgspec


class ProviderSession(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in that came by a provider, without what it gave. `id`: the sign-in's here.

    Units: times in epoch seconds; `expires_at`: of what the provider gave, None = it does not say.
    """

    id: str
    user_id: str
    provider: str
    expires_at: int | None
    created_at: int
    updated_at: int


class ProviderTokens(Protocol):
    """What providers gave at sign-ins. Offered as a service by whichever plugin signs people in at other providers."""

    async def access_token(self, session_id: str) -> str | None:
        """The access token of a sign-in (`Actor.session_id`), good for some minutes at least; None = there is none.

        One that runs out is renewed. What the provider does not renew is forgotten.
        """
        ...

    async def of_account(self, account_id: str) -> list[ProviderSession]:
        """The sign-ins of one account that are in force, newest first."""
        ...
