"""People whom a proxy in front has signed in: it says in a header who they are."""

from portico.api import AppContext, AuthProvider, PluginInfo, Section, hookimpl
from portico_trusted_header.settings import TrustedHeaderSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Lets in whom a proxy in front names in a header; off until the header is named.",
)


@hookimpl
def register_settings() -> type[Section]:
    """Which headers say who somebody is."""
    return TrustedHeaderSettings


@hookimpl
def register_auth_providers(app: AppContext, settings: TrustedHeaderSettings) -> list[AuthProvider]:
    """The header, once it is named."""
    from portico_trusted_header.provider import TrustedHeader

    return [TrustedHeader(app, settings)] if settings.email_header else []


@hookimpl
def startup(app: AppContext, settings: TrustedHeaderSettings) -> None:
    """Say so if nobody is trusted to send the header."""
    from portico_trusted_header.provider import warn_without_proxies

    if settings.email_header:
        warn_without_proxies(app)
