"""A house for one person at their own machine, without a sign-in: `WEBUI_AUTH=false`."""

from portico.api import AppContext, AuthProvider, PluginInfo, Section, hookimpl
from portico_single_user.settings import SingleUserSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="One account and no sign-in, for a machine of one's own; off until WEBUI_AUTH is false.",
    formerly=("solo",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Whether anybody has to sign in."""
    return SingleUserSettings


@hookimpl
def register_auth_providers(app: AppContext, settings: SingleUserSettings) -> list[AuthProvider]:
    """The open door, where nobody has to sign in."""
    from portico_single_user.provider import SingleUserProvider

    return [] if settings.sign_in else [SingleUserProvider(app, settings)]


@hookimpl
def startup(app: AppContext, settings: SingleUserSettings) -> None:
    """Keep the house from opening to a whole network without a sign-in."""
    from portico_single_user.provider import check_listens_locally

    if not settings.sign_in and not settings.allow_remote:
        check_listens_locally(app)
