"""Signing up and signing in with an e-mail address and a password."""

from portico.api import (
    AppContext,
    AuthProvider,
    PasswordRule,
    PluginInfo,
    Section,
    Service,
    hookimpl,
)
from portico_password.settings import PasswordSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sign up and sign in with an e-mail address and a password.",
    route_prefixes=("/api/v1/auths/signup", "/api/v1/auths/update/password"),
)


@hookimpl
def register_settings() -> type[Section]:
    """Whether passwords are accepted, and which ones."""
    return PasswordSettings


@hookimpl
def register_services(settings: PasswordSettings) -> list[Service]:
    """The operator's rule for new passwords, if there is one."""
    from portico_password.rule import password_rule

    if not settings.enable_password_validation:
        return []
    return [Service(PasswordRule, password_rule(settings.password_pattern))]


@hookimpl
def register_auth_providers(app: AppContext, settings: PasswordSettings) -> list[AuthProvider]:
    """The form."""
    from portico_password.service import PasswordSignIn

    return [PasswordSignIn(app, settings)]


@hookimpl
def register_routes(app: AppContext, settings: PasswordSettings) -> list[object]:
    """Sign-up."""
    from portico_password.routes import routes
    from portico_password.service import PasswordSignIn

    return routes(PasswordSignIn(app, settings))
