"""User profiles of providers with OAuth 2.0 and an API of their own: GitHub and Feishu."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from portico_oauth.protocol.errors import LoginRejected, ProviderUnavailable
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.protocol.registration import Endpoints, Registration

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP


class _GitHubEmail(msgspec.Struct):
    """One of the user's e-mail addresses at GitHub."""

    email: str
    primary: bool = False
    verified: bool = False


class _FeishuResponse(msgspec.Struct):
    """Feishu's envelope. `code`: 0 = success."""

    code: int = 0
    data: dict[str, Any] | None = None


async def github_login(
    token: dict[str, Any], registration: Registration, http: "ProviderHTTP"
) -> LoginResult:
    """Return GitHub's profile of the user. The e-mail address is verified if it is the primary one and GitHub verified it."""
    endpoints = registration.endpoints
    assert endpoints is not None
    bearer = token["access_token"]
    claims = await http.get(endpoints.userinfo, dict[str, Any], bearer=bearer)
    number = claims.get("id")
    if isinstance(number, int) and not isinstance(number, bool):
        claims["id"] = str(number)
    else:
        claims.pop("id", None)
    try:
        emails = await http.get(endpoints.emails, list[_GitHubEmail], bearer=bearer)
    except ProviderUnavailable:
        emails = []  # GitHub refuses this without the scope `user:email`
    primary = next((email.email for email in emails if email.primary and email.verified), None)
    if not claims.get("email"):
        claims["email"] = primary
    email_verified = primary is not None and claims["email"] == primary
    return LoginResult(
        claims=claims, token=token, email_verified=email_verified, hosts=_hosts(endpoints)
    )


async def feishu_login(
    token: dict[str, Any], registration: Registration, http: "ProviderHTTP"
) -> LoginResult:
    """Return Feishu's profile of the user. Feishu does not return whether the e-mail address is verified."""
    endpoints = registration.endpoints
    assert endpoints is not None
    bearer = token["access_token"]
    response = await http.get(endpoints.userinfo, _FeishuResponse, bearer=bearer)
    if response.code != 0 or not response.data:
        raise LoginRejected(f"Feishu returned the error code {response.code}")
    return LoginResult(
        claims=response.data, token=token, email_verified=False, hosts=_hosts(endpoints)
    )


def _hosts(endpoints: Endpoints) -> frozenset[str]:
    return frozenset(urlsplit(url).netloc.lower() for url in (endpoints.token, endpoints.userinfo))
