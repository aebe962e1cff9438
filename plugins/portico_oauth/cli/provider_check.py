"""Check whether a provider can be used: its discovery document and keys, and which URIs to register there."""

from typing import Any

import msgspec

from portico.api import AppContext, ServerSettings
from portico.api.auth import UnusableProvider
from portico.api.cli import printable
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.protocol.errors import ProviderUnavailable
from portico_oauth.protocol.jwt_verification import accepted_algorithms

#: Shown in URIs if WEBUI_URL is not set.
UNKNOWN_URL = "<URL of this server; set WEBUI_URL>"


class ProviderCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check. `problem`: why the provider cannot be used; empty if it can.

    `ignored_members`: optional members of the discovery document that are not valid.
    """

    provider: str
    problem: str = ""
    issuer: str = ""
    algorithms: list[str] = []
    keys: int | None = None
    supports_sign_out: bool = False
    ignored_members: list[str] = []
    redirect_uri: str
    backchannel_logout_uri: str = ""


async def check_provider(app: AppContext, provider: OAuthProvider) -> ProviderCheck:
    """Load the discovery document and the keys of a provider; providers without a discovery document get no request."""
    own_url = await _own_url(app, provider.name)
    redirect_uri = provider.registration.redirect_uri or f"{own_url}/callback"
    uris: dict[str, Any] = {"provider": provider.name, "redirect_uri": redirect_uri}
    try:
        if provider.discovery is None:
            return ProviderCheck(**uris)
        metadata = await provider.discovery.metadata()
        keys = await provider.discovery.keys()
    except ProviderUnavailable as error:
        return ProviderCheck(**uris, problem=error.why)
    finally:
        await provider.close()
    algorithms = sorted(accepted_algorithms(metadata))
    problem = (
        "" if algorithms and keys.keys else "it announces no algorithm and key that Portico accepts"
    )
    return ProviderCheck(
        **uris,
        problem=problem,
        issuer=metadata.issuer,
        algorithms=algorithms,
        keys=len(keys.keys),
        supports_sign_out=bool(metadata.end_session_endpoint),
        ignored_members=list(metadata.ignored),
        backchannel_logout_uri=f"{own_url}/backchannel-logout",
    )


async def unusable_check(app: AppContext, provider: UnusableProvider) -> ProviderCheck:
    """Return the result for a provider whose settings cannot work."""
    uri = f"{await _own_url(app, provider.name)}/callback"
    return ProviderCheck(provider=provider.name, problem=provider.reason, redirect_uri=uri)


async def _own_url(app: AppContext, provider: str) -> str:
    server = await app.runtime_settings.section(ServerSettings).current()
    return f"{server.url.rstrip('/') or UNKNOWN_URL}/oauth/{provider}"


def format_check(check: ProviderCheck) -> str:
    """Return the result as lines of a label and a value, safe for a terminal."""
    lines = {
        "provider": check.provider,
        "usable": f"no: {check.problem}" if check.problem else "yes",
        "issuer": check.issuer,
        "signs with": ", ".join(check.algorithms),
        "keys": "" if check.keys is None else str(check.keys),
        "ignored": ", ".join(check.ignored_members),
        "sign-out": "at the provider too" if check.supports_sign_out else "",
        "redirect URI": check.redirect_uri,
        "logout URI": check.backchannel_logout_uri,
    }
    return "\n".join(f"{label:13} {printable(text)}" for label, text in lines.items() if text)
