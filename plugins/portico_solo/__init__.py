"""A house for one person at their own machine, without a sign-in: `WEBUI_AUTH=false`."""

from portico.api import AuthProvider, House, PluginInfo, Section, hookimpl
from portico_solo.settings import Settings

PLUGIN = PluginInfo(
    api=1,
    summary="One account and no sign-in, for a machine of one's own; off until WEBUI_AUTH is false.",
)


@hookimpl
def register_settings() -> type[Section]:
    """Whether anybody has to sign in."""
    return Settings


@hookimpl
def register_auth_providers(app: House, settings: Settings) -> list[AuthProvider]:
    """The open door, where nobody has to sign in."""
    from portico_solo.provider import OpenDoor

    return [] if settings.sign_in else [OpenDoor(app, settings)]


@hookimpl
def startup(app: House, settings: Settings) -> None:
    """Keep the house from opening to a whole network without a sign-in."""
    from portico_solo.provider import refuse_strangers

    if not settings.sign_in and not settings.allow_remote:
        refuse_strangers(app)
