"""Who somebody is at providers that speak OAuth 2.0 and a language of their own."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from portico_oauth.errors import LoginRejected, ProviderUnavailable
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.registrations import Endpoints, Registration

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP


class _Address(msgspec.Struct):
    """One of somebody's e-mail addresses at GitHub."""

    email: str
    primary: bool = False
    verified: bool = False


class _FeishuAnswer(msgspec.Struct):
    """Feishu's envelope. `code` 0 = it went well."""

    code: int = 0
    data: dict[str, Any] | None = None


async def github_login(
    token: dict[str, Any], registration: Registration, wire: "ProviderHTTP"
) -> LoginResult:
    """GitHub's profile; the address is the primary one, which is theirs if GitHub has verified it."""
    endpoints = registration.endpoints
    assert endpoints is not None
    bearer = token["access_token"]
    claims = await wire.get(endpoints.userinfo, dict[str, Any], bearer=bearer)
    number = claims.get("id")
    if isinstance(number, int) and not isinstance(number, bool):
        claims["id"] = str(number)  # GitHub counts its people
    else:
        claims.pop("id", None)
    try:
        found = await wire.get(endpoints.emails, list[_Address], bearer=bearer)
    except ProviderUnavailable:
        found = []  # without the scope `user:email` it does not say
    primary = next((one.email for one in found if one.primary and one.verified), None)
    if not claims.get("email"):
        claims["email"] = primary
    verified = primary is not None and claims["email"] == primary
    return LoginResult(claims=claims, token=token, verified=verified, hosts=_hosts(endpoints))


async def feishu_login(
    token: dict[str, Any], registration: Registration, wire: "ProviderHTTP"
) -> LoginResult:
    """Feishu's profile, taken out of its envelope. It does not say whether an address is verified."""
    endpoints = registration.endpoints
    assert endpoints is not None
    bearer = token["access_token"]
    answer = await wire.get(endpoints.userinfo, _FeishuAnswer, bearer=bearer)
    if answer.code != 0 or not answer.data:
        raise LoginRejected(f"Feishu answered with the code {answer.code}")
    return LoginResult(claims=answer.data, token=token, verified=False, hosts=_hosts(endpoints))


def _hosts(endpoints: Endpoints) -> frozenset[str]:
    return frozenset(urlsplit(one).netloc.lower() for one in (endpoints.token, endpoints.userinfo))
