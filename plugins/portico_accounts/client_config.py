"""The configuration that clients read first: name, features and auth providers of the server."""

from collections.abc import Mapping
from typing import Any

from portico.api import AppContext
from portico.api.auth import Actor
from portico_accounts.settings import AccountsSettings

#: The version of the reference that clients of this server expect.
VERSION = "0.6.41"
#: Features that are on if the runtime setting of that name is; a plugin declares one with `runtime_key=`.
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
#: Runtime settings that clients read under the same name.
_MODEL_SETTINGS = ("DEFAULT_MODELS", "DEFAULT_PINNED_MODELS")
#: Fields that clients read and that have no meaning here yet, in the shapes that clients expect. Without an engine, replies are
#: read aloud by the browser; with the engine `web`, it is also the browser that takes down what a user dictates.
_UNSUPPORTED_DEFAULTS: Mapping[str, Any] = {
    "code": {"engine": "pyodide"},
    "audio": {
        "tts": {"engine": "", "voice": "", "split_on": "punctuation"},
        "stt": {"engine": "web"},
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


class ClientConfig:
    """Builds the body of `GET /api/config`. `checks_updates`: whether `/api/version/updates` asks for the latest release."""

    def __init__(self, app: AppContext, *, checks_updates: bool) -> None:
        self._app, self._checks_updates = app, checks_updates
        self._settings = app.runtime_settings.section(AccountsSettings)

    async def build(self, visitor: Actor | None) -> dict[str, Any]:
        """Return the configuration for a signed-in user, or for `None`."""
        app, identity = self._app, self._app.identity
        providers = await identity.auth.active_providers()
        values = await app.runtime_settings.values()
        config: dict[str, Any] = {
            "status": True,
            "name": app.settings.name,
            "version": VERSION,
            "default_locale": (await self._settings.current()).default_locale,
            "oauth": {"providers": {p.name: p.label for p in providers if p.kind == "redirect"}},
            "features": await self._features(values),
        }
        if visitor is None:
            if not await identity.accounts.any_exists():
                config["onboarding"] = True
            return config
        config["features"] |= {name: _is_on(values, name) for name in _SIGNED_IN_FEATURES} | {
            "enable_admin_export": app.settings.access.admin_export,
            "enable_admin_chat_access": app.settings.access.admin_chat_access,
        }
        config["ui"] = await self._texts()
        if not visitor.is_verified:
            return config
        config["ui"]["response_watermark"] = (await self._settings.current()).response_watermark
        config |= _UNSUPPORTED_DEFAULTS
        config |= {name.lower(): values.get(name) for name in _MODEL_SETTINGS}
        config["file"] = {
            "max_size": values.get("RAG_FILE_MAX_SIZE"),
            "max_count": values.get("RAG_FILE_MAX_COUNT"),
            "image_compression": {"width": None, "height": None},
        }
        config["default_prompt_suggestions"] = values.get("DEFAULT_PROMPT_SUGGESTIONS", [])
        config["user_count"] = await identity.account_count()
        config["permissions"] = await identity.defaults.tree()
        if visitor.is_admin:
            config["active_entries"] = None
        return config

    async def _features(self, values: Mapping[str, Any]) -> dict[str, bool]:
        identity = self._app.identity
        providers = await identity.auth.active_providers()
        signup = (await identity.current_settings()).enable_signup
        if signup is None:
            signup = not await identity.accounts.any_exists()
        return {
            "auth": not any(one.kind == "none" for one in providers),
            "auth_trusted_header": any(one.kind == "header" for one in providers),
            "enable_signup_password_confirmation": (
                await self._settings.current()
            ).enable_signup_password_confirmation,
            "enable_ldap": any(one.name == "ldap" for one in providers),
            "enable_signup": signup and identity.auth.uses_passwords,
            "enable_websocket": self._app.settings.sockets.websocket,
            "enable_version_update_check": self._checks_updates,
        } | {name: _is_on(values, name) for name in _PUBLIC_FEATURES}

    async def _texts(self) -> dict[str, str]:
        settings = await self._settings.current()
        return {
            "pending_user_overlay_title": settings.pending_overlay_title,
            "pending_user_overlay_content": settings.pending_overlay_content,
        }


def _is_on(values: Mapping[str, Any], feature: str) -> bool:
    """Return whether a feature is on. One that no active plugin declares is off."""
    return bool(values.get(feature.upper(), False))
