"""What clients ask before anything else: what this house is called, what it has, and how to come in."""

from collections.abc import Mapping
from typing import Any

from portico.api import Actor, House, JSONBytes, JSONObject, Request, get, json_reply
from portico_accounts.settings import Settings

#: The version of the reference whose clients this house speaks with. They ask for it, and know no other.
VERSION = "0.6.41"
#: Features that are there if the setting of that name is on; a plugin that has one says `adjustable=`.
_FOR_ANYBODY = ("enable_api_keys", "enable_login_form")
_FOR_PEOPLE = (
    "enable_direct_connections",
    "enable_folders",
    "enable_channels",
    "enable_notes",
    "enable_web_search",
    "enable_code_execution",
    "enable_code_interpreter",
    "enable_image_generation",
    "enable_autocomplete_generation",
    "enable_community_sharing",
    "enable_message_rating",
    "enable_user_webhooks",
    "enable_google_drive_integration",
    "enable_onedrive_integration",
)
#: What this house has nothing of. Source: the shapes that clients read.
_NOTHING_YET: Mapping[str, Any] = {
    "default_models": None,
    "default_pinned_models": None,
    "default_prompt_suggestions": [],
    "code": {"engine": "pyodide"},
    "audio": {
        "tts": {"engine": "", "voice": "", "split_on": "punctuation"},
        "stt": {"engine": ""},
    },
    "file": {
        "max_size": None,
        "max_count": None,
        "image_compression": {"width": None, "height": None},
    },
    "google_drive": {"client_id": "", "api_key": ""},
    "onedrive": {
        "client_id_personal": "",
        "client_id_business": "",
        "sharepoint_url": "",
        "sharepoint_tenant_id": "",
    },
    "license_metadata": None,
}


def routes(house: House, settings: Settings) -> list[Any]:
    """Handlers that work in this house."""
    told = Told(house, settings)

    @get("/api/config", access="public", answers=JSONObject)
    async def config(request: Request) -> JSONBytes:
        """What clients have to know: little for anybody, more for whoever signed in, all for whoever was let in."""
        return json_reply(await told.to(await house.identity.visitor(request.scope)))

    @get("/api/version", access="public", answers=dict[str, str])
    async def version(request: Request) -> JSONBytes:
        """The version that clients compare theirs with. They load themselves anew when `deployment_id` changes."""
        return json_reply({"version": VERSION, "deployment_id": ""})

    return [config, version]


class Told:
    """What one house tells clients."""

    def __init__(self, house: House, settings: Settings) -> None:
        self._house = house
        self._settings = house.adjustments.of(settings)

    async def to(self, visitor: Actor | None) -> dict[str, Any]:
        """`visitor` None = whoever is not signed in."""
        house, identity = self._house, self._house.identity
        ways = await identity.open_ways()
        on = await house.adjustments.values()
        said: dict[str, Any] = {
            "status": True,
            "name": house.settings.name,
            "version": VERSION,
            "default_locale": (await self._settings.now()).default_locale,
            "oauth": {"providers": {way.name: way.label for way in ways if way.kind == "redirect"}},
            "features": await self._features(on),
        }
        if visitor is None:
            if not await identity.directory.anyone():
                said["onboarding"] = True
            return said
        said["features"] |= {name: _is_on(on, name) for name in _FOR_PEOPLE} | {
            "enable_admin_export": house.settings.access.bypass_export,
            "enable_admin_chat_access": house.settings.access.bypass_chats,
        }
        said["ui"] = await self._texts()
        if not visitor.is_verified:
            return said
        said["ui"]["response_watermark"] = (await self._settings.now()).response_watermark
        said |= _NOTHING_YET
        said["user_count"] = await identity.head_count()
        said["permissions"] = await identity.defaults.tree()
        if visitor.is_admin:
            said["active_entries"] = None
        return said

    async def _features(self, on: Mapping[str, Any]) -> dict[str, bool]:
        identity = self._house.identity
        ways = await identity.open_ways()
        wanted = (await identity.in_force()).enable_signup
        if wanted is None:
            wanted = not await identity.directory.anyone()
        asks = identity.asks_for_passwords
        return {
            "auth": not any(way.kind == "open" for way in ways),
            "auth_trusted_header": any(way.kind == "header" for way in ways),
            "enable_signup_password_confirmation": (
                await self._settings.now()
            ).enable_signup_password_confirmation,
            "enable_ldap": any(way.name == "ldap" for way in ways),
            "enable_signup": wanted and asks,
            "enable_websocket": False,  # there is nothing to connect to yet
            "enable_version_update_check": False,
        } | {name: _is_on(on, name) for name in _FOR_ANYBODY}

    async def _texts(self) -> dict[str, str]:
        now = await self._settings.now()
        return {
            "pending_user_overlay_title": now.pending_overlay_title,
            "pending_user_overlay_content": now.pending_overlay_content,
        }


def _is_on(values: Mapping[str, Any], feature: str) -> bool:
    """A feature of which no plugin knows is off."""
    return bool(values.get(feature.upper(), False))
