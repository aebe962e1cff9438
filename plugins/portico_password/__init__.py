"""Sign-up and sign-in with an e-mail address and a password."""

from portico.api import AppContext, PluginInfo, Section, Service, hookimpl
from portico.api.auth import AuthProvider, PasswordRule
from portico_password.settings import PasswordSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sign up and sign in with an e-mail address and a password.",
    route_prefixes=("/api/v1/auths/signup", "/api/v1/auths/update/password"),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: whether passwords are accepted, and which ones."""
    return PasswordSettings


@hookimpl
def register_services(settings: PasswordSettings) -> list[Service]:
    """Return the operator's rule for new passwords, if there is one."""
    from portico_password.rule import password_rule

    if not settings.enable_password_validation:
        return []
    return [Service(PasswordRule, password_rule(settings.password_pattern))]


@hookimpl
def register_components(app: AppContext, settings: PasswordSettings) -> object:
    """Return the auth provider, which also handles sign-up."""
    from portico_password.service import PasswordSignIn

    return PasswordSignIn(app, settings)


@hookimpl
def register_auth_providers(plugin: AuthProvider) -> list[AuthProvider]:
    """Return the auth provider for e-mail address and password."""
    return [plugin]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes of sign-up and of changing a password."""
    from portico_password.routes import PasswordRoutes

    return [PasswordRoutes]
