"""Sign-in with a header in which a trusted proxy names the user."""

from portico.api import AppContext, PluginInfo, Section, hookimpl
from portico.api.auth import AuthProvider
from portico_trusted_header.settings import PROVIDER, TrustedHeaderSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sign in the user that a trusted proxy names in a header. Off until the header is configured.",
    identifies_users=True,
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: the headers that name the user."""
    return TrustedHeaderSettings


@hookimpl
def register_auth_providers(app: AppContext, settings: TrustedHeaderSettings) -> list[AuthProvider]:
    """Return the auth provider, if a header is configured; in its place an unusable one, if the settings cannot work."""
    from portico_trusted_header.provider import TrustedHeader, UnusableTrustedHeader

    faults = app.runtime_settings.section(TrustedHeaderSettings).faults
    if reason := faults.get(PROVIDER) or settings.fault:
        return [UnusableTrustedHeader.of(settings, reason)]
    return [TrustedHeader(app, settings)] if settings.email_header else []


@hookimpl
def startup(app: AppContext, settings: TrustedHeaderSettings) -> None:
    """Log a warning if no proxy is trusted to send the header."""
    from portico_trusted_header.provider import warn_without_proxies

    if settings.email_header and not settings.fault:
        warn_without_proxies(app)
