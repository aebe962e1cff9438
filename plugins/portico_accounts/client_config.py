"""What clients ask before anything else: what this house is called, what it has, and how to come in."""

from collections.abc import Mapping
from typing import Any

from portico.api import Actor, AppContext, JSONObject, JSONResponse, Request, get, json_response
from portico_accounts.settings import AccountsSettings

#: The version of the reference whose clients this house speaks with. They ask for it, and know no other.
VERSION = "0.6.41"
#: Features that are there if the setting of that name is on; a plugin that has one says `adjustable=`.
_PUBLIC_FEATURES = ("enable_api_keys", "enable_login_form")
_SIGNED_IN_FEATURES = (
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
_UNSUPPORTED_DEFAULTS: Mapping[str, Any] = {
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


def routes(app: AppContext, settings: AccountsSettings) -> list[Any]:
    """Handlers that work in this house."""
    told = ClientConfig(app, settings)

    @get("/api/config", access="public", response_type=JSONObject)
    async def config(request: Request) -> JSONResponse:
        """What clients have to know: little for anybody, more for whoever signed in, all for whoever was let in."""
        return json_response(
            await told.build(await app.identity.auth.optional_actor(request.scope))
        )

    @get("/api/version", access="public", response_type=dict[str, str])
    async def version(request: Request) -> JSONResponse:
        """The version that clients compare theirs with. They load themselves anew when `deployment_id` changes."""
        return json_response({"version": VERSION, "deployment_id": ""})

    return [config, version]


class ClientConfig:
    """What one house tells clients."""

    def __init__(self, app: AppContext, settings: AccountsSettings) -> None:
        self._app = app
        self._settings = app.runtime_settings.of(settings)

    async def build(self, visitor: Actor | None) -> dict[str, Any]:
        """`visitor` None = whoever is not signed in."""
        app, identity = self._app, self._app.identity
        ways = await identity.auth.active_providers()
        on = await app.runtime_settings.values()
        said: dict[str, Any] = {
            "status": True,
            "name": app.settings.name,
            "version": VERSION,
            "default_locale": (await self._settings.current()).default_locale,
            "oauth": {"providers": {way.name: way.label for way in ways if way.kind == "redirect"}},
            "features": await self._features(on),
        }
        if visitor is None:
            if not await identity.accounts.any_exists():
                said["onboarding"] = True
            return said
        said["features"] |= {name: _is_on(on, name) for name in _SIGNED_IN_FEATURES} | {
            "enable_admin_export": app.settings.access.admin_export,
            "enable_admin_chat_access": app.settings.access.admin_chat_access,
        }
        said["ui"] = await self._texts()
        if not visitor.is_verified:
            return said
        said["ui"]["response_watermark"] = (await self._settings.current()).response_watermark
        said |= _UNSUPPORTED_DEFAULTS
        said["user_count"] = await identity.account_count()
        said["permissions"] = await identity.defaults.tree()
        if visitor.is_admin:
            said["active_entries"] = None
        return said

    async def _features(self, on: Mapping[str, Any]) -> dict[str, bool]:
        identity = self._app.identity
        ways = await identity.auth.active_providers()
        wanted = (await identity.current_settings()).enable_signup
        if wanted is None:
            wanted = not await identity.accounts.any_exists()
        asks = identity.auth.uses_passwords
        return {
            "auth": not any(way.kind == "none" for way in ways),
            "auth_trusted_header": any(way.kind == "header" for way in ways),
            "enable_signup_password_confirmation": (
                await self._settings.current()
            ).enable_signup_password_confirmation,
            "enable_ldap": any(way.name == "ldap" for way in ways),
            "enable_signup": wanted and asks,
            "enable_websocket": False,  # there is nothing to connect to yet
            "enable_version_update_check": False,
        } | {name: _is_on(on, name) for name in _PUBLIC_FEATURES}

    async def _texts(self) -> dict[str, str]:
        now = await self._settings.current()
        return {
            "pending_user_overlay_title": now.pending_overlay_title,
            "pending_user_overlay_content": now.pending_overlay_content,
        }


def _is_on(values: Mapping[str, Any], feature: str) -> bool:
    """A feature of which no plugin knows is off."""
    return bool(values.get(feature.upper(), False))
