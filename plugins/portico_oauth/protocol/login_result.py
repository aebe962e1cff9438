"""What a provider gave at a sign-in, and what it says of whoever it is: not yet who that is here."""

from typing import Any

import msgspec


class LoginResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known when somebody comes back.

    `claims`: a JSON object. `token`: the answer of the token endpoint. `verified`: the provider was asked whether the
    e-mail address is theirs, and this is what it said; None = what its claims say. `leave_url`: where to sign out
    there. `hosts`: the provider's own, with their ports; no other may see the access token.
    """

    claims: dict[str, Any]
    token: dict[str, Any] = {}
    id_token: str = ""
    verified: bool | None = None
    provider_session: str | None = None
    leave_url: str | None = None
    hosts: frozenset[str] = frozenset()
