"""Single-user mode: one account on the user's own machine, without sign-in. `WEBUI_AUTH=false`."""

from portico.api import AppContext, PluginInfo, Section, hookimpl
from portico.api.auth import AuthProvider
from portico_single_user.settings import SingleUserSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Single-user mode: one account and no sign-in. Off until WEBUI_AUTH is false.",
    formerly=("solo",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings of single-user mode."""
    return SingleUserSettings


@hookimpl
def register_auth_providers(app: AppContext, settings: SingleUserSettings) -> list[AuthProvider]:
    """Return the auth provider that signs in every request, if single-user mode is on."""
    from portico_single_user.provider import SingleUserProvider

    return [] if settings.require_sign_in else [SingleUserProvider(app, settings)]


@hookimpl
def startup(app: AppContext, settings: SingleUserSettings) -> None:
    """Stop the start if other machines could use the server without signing in."""
    from portico_single_user.provider import check_listens_locally

    if not settings.require_sign_in and not settings.allow_remote:
        check_listens_locally(app)
