"""What a provider returned at a sign-in, before it is mapped to an account."""

from typing import Any

import msgspec


class LoginResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a provider returned at one sign-in.

    `claims`: a JSON object. `token`: the response of the token endpoint. `email_verified`: whether the provider has
    verified the e-mail address, if it was asked apart from the claims; None = read it from the claims.
    `end_session_url`: where the user signs out at the provider. `hosts`: the provider's own hosts, with ports; the
    access token is sent to no other.
    """

    claims: dict[str, Any]
    token: dict[str, Any] = {}
    id_token: str = ""
    email_verified: bool | None = None
    provider_session_id: str | None = None
    end_session_url: str | None = None
    hosts: frozenset[str] = frozenset()
