"""The userinfo endpoint. Source: OpenID Connect Core 1.0 §5.3."""

from typing import TYPE_CHECKING, Any

from portico_oauth.protocol.discovery import Discovery
from portico_oauth.protocol.errors import LoginRejected
from portico_oauth.protocol.jwt_verification import verify_userinfo
from portico_oauth.protocol.registration import Registration

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP, ProviderResponse

_ACCEPT = "application/json, application/jwt"
_JWT_TYPE = "application/jwt"
#: Parts of a token between dots: a signed one, and an encrypted one.
_SIGNED_PARTS, _ENCRYPTED_PARTS = 3, 5


class UnusableUserinfo(LoginRejected):
    """The response says nothing about a user that could be relied on."""


class Userinfo:
    """Asks the userinfo endpoint of one provider, which answers with JSON or with a signed token."""

    def __init__(
        self, url: str, registration: Registration, discovery: Discovery, http: "ProviderHTTP"
    ) -> None:
        self._url, self._registration, self._discovery, self._http = (
            url,
            registration,
            discovery,
            http,
        )

    async def claims(self, access_token: str) -> dict[str, Any]:
        """Return the claims about the user of an access token; their `sub` is a text.

        Raises: UnusableUserinfo for a token that is not valid, or without a subject; ProviderUnavailable.
        """
        response = await self._http.get_response(self._url, bearer=access_token, accept=_ACCEPT)
        if _is_token(response):
            claims = await self._signed_claims(response.body)
        else:
            claims = self._http.decode(response, dict[str, Any])
        if not isinstance(claims.get("sub"), str):
            raise UnusableUserinfo("the userinfo endpoint returned no subject")
        return claims

    async def _signed_claims(self, body: bytes) -> dict[str, Any]:
        try:
            token = body.strip().decode("ascii")
        except UnicodeDecodeError:
            raise UnusableUserinfo("the userinfo response is not a token") from None
        if token.count(".") == _ENCRYPTED_PARTS - 1:
            raise UnusableUserinfo(
                "the userinfo response is encrypted; register the client at the provider without encryption"
            )
        try:
            return await verify_userinfo(token, self._registration, self._discovery)
        except LoginRejected as error:
            raise UnusableUserinfo(
                f"the signed userinfo response is not valid: {error.why}"
            ) from None


def _is_token(response: "ProviderResponse") -> bool:
    """Whether the body is a token. Some providers announce the other type of content."""
    body = response.body.strip()
    if body.startswith(b"{"):
        return False
    looks_signed = body.startswith(b"ey") and body.count(b".") == _SIGNED_PARTS - 1
    return looks_signed or response.content_type == _JWT_TYPE
