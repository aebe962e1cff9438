"""Whether a provider can be used: its description, its keys, and what has to be registered there."""

from typing import Any

import msgspec

from portico.api import AppContext
from portico_oauth.cli.output import plain
from portico_oauth.errors import ProviderUnavailable
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.protocol.jwt_verification import announced

#: Where the operator has not said where people reach the house.
SOMEWHERE = "<where people reach this server; set WEBUI_URL>"


class ProviderCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `fault`: why it cannot be used, empty if it can."""

    provider: str
    fault: str = ""
    issuer: str = ""
    algorithms: list[str] = []
    keys: int | None = None
    signs_out: bool = False
    redirect_uri: str
    backchannel_logout_uri: str = ""


async def check_provider(app: AppContext, provider: OAuthProvider) -> ProviderCheck:
    """Ask it. A provider that does not describe itself is not asked."""
    server = await app.runtime_settings.of(app.settings.server).current()
    base = server.url.rstrip("/") or SOMEWHERE
    own = f"{base}/oauth/{provider.name}"
    redirect_uri = provider.registration.redirect_uri or f"{own}/callback"
    about: dict[str, Any] = {"provider": provider.name, "redirect_uri": redirect_uri}
    try:
        if provider.discovery is None:
            return ProviderCheck(**about)
        metadata = await provider.discovery.metadata()
        keys = await provider.discovery.keys()
    except ProviderUnavailable as error:
        return ProviderCheck(**about, fault=error.why)
    finally:
        await provider.close()
    algorithms = sorted(announced(metadata))
    fault = "" if algorithms and keys.keys else "it announces no algorithm or no key we accept"
    return ProviderCheck(
        **about,
        fault=fault,
        issuer=metadata.issuer,
        algorithms=algorithms,
        keys=len(keys.keys),
        signs_out=bool(metadata.end_session_endpoint),
        backchannel_logout_uri=f"{own}/backchannel-logout",
    )


def format_check(found: ProviderCheck) -> str:
    """Lines of a word and what it is."""
    lines = {
        "provider": found.provider,
        "usable": f"no: {found.fault}" if found.fault else "yes",
        "issuer": found.issuer,
        "signs with": ", ".join(found.algorithms),
        "keys": "" if found.keys is None else str(found.keys),
        "sign-out": "leads there too" if found.signs_out else "",
        "register": found.redirect_uri,
        "back channel": found.backchannel_logout_uri,
    }
    return "\n".join(f"{word:13} {plain(text)}" for word, text in lines.items() if text)
