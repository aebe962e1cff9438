"""The routes of single settings, of their history, and of export and import."""

from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from msgspec import UNSET

from portico.api import Forbidden, SettingsChange, SettingState
from portico.api.json import JSONObject
from portico.api.web import (
    Controller,
    JSONResponse,
    QueryFlag,
    Request,
    get,
    json_response,
    parse_query_flag,
    patch,
    post,
)
from portico_settings_admin.components import SettingsAdminPlugin
from portico_settings_admin.schemas import ConfigImport, SettingsPatch

SETTINGS_PATH = "/api/v1/configs/settings"
HISTORY_PATH = "/api/v1/configs/history"
EXPORT_PATH = "/api/v1/configs/export"
IMPORT_PATH = "/api/v1/configs/import"
#: Of a large import: connections, templates of prompts, banners, suggestions, prices. It is decoded as a whole.
MAX_DOCUMENT_BYTES = 2 * 1024 * 1024

Before = Annotated[
    int | None, QueryParameter(description="Only changes with a smaller number than this.")
]
Setting = Annotated[
    str, QueryParameter(description="Only this setting: its variable, or its path in an export.")
]
Number = Annotated[int, PathParameter(description="Number of the change.")]


class RuntimeSettingsRoutes(Controller):
    """`/api/v1/configs/settings`, `/history`, `/export`, `/import`: all runtime settings, and who changed them."""

    plugin: SettingsAdminPlugin

    @get(SETTINGS_PATH, requires="settings:read", response_type=list[SettingState])
    async def list_settings(self) -> JSONResponse:
        """Return all runtime settings of active plugins: value, version, whether they are pinned, last change."""
        return json_response(await self.plugin.app.runtime_settings.states())

    @patch(
        SETTINGS_PATH,
        requires="settings:write",
        session_only=True,
        max_body=MAX_DOCUMENT_BYTES,
        response_type=list[SettingState],
    )
    async def change_settings(
        self, request: Request, data: JSONBody[SettingsPatch]
    ) -> JSONResponse:
        """Change settings, all or none. For administrators only.

        A mask in place of a secret leaves it as it is. 400 names the setting that is invalid, pinned, or was changed
        since the version that the caller has seen.
        """
        _require_administrator(request)
        given = {name: UNSET if one is None else one for name, one in data.values.items()}
        settings = self.plugin.app.runtime_settings
        await settings.submit(given, request.user.id, data.versions)
        return json_response([one for one in await settings.states() if one.variable in given])

    @get(HISTORY_PATH, requires="settings:read", response_type=list[SettingsChange])
    async def list_changes(
        self, before: FromQuery[Before] = None, setting: Setting = ""
    ) -> JSONResponse:
        """List who changed which settings when, and what they were before: 50 changes at a time, newest first.

        Secrets are masked. The last hundred changes of each setting are kept.
        """
        return json_response(await self.plugin.app.settings_changes.page(before, setting))

    @post(
        f"{HISTORY_PATH}/{{number:int}}/undo",
        requires="settings:write",
        session_only=True,
        response_type=list[SettingsChange],
    )
    async def undo_change(
        self, request: Request, number: Number, setting: Setting = ""
    ) -> JSONResponse:
        """Store what settings were before a change, as another change, and return the newest changes.

        For administrators only. 400 if a setting was changed again later, or is pinned.
        """
        _require_administrator(request)
        changes = self.plugin.app.settings_changes
        await changes.undo(number, request.user.id, setting)
        return json_response(await changes.page())

    @get(EXPORT_PATH, requires="settings:read", response_type=JSONObject)
    async def export_settings(self) -> JSONResponse:
        """Return what administrators have stored as one document, with `********` in place of each secret."""
        return json_response(await self.plugin.transfer.export())

    @post(
        IMPORT_PATH,
        requires="settings:write",
        session_only=True,
        max_body=MAX_DOCUMENT_BYTES,
        response_type=JSONObject,
    )
    async def import_settings(
        self,
        request: Request,
        data: JSONBody[ConfigImport],
        *,
        keep_absent: FromQuery[QueryFlag] = "",
        dry_run: FromQuery[QueryFlag] = "",
    ) -> JSONResponse:
        """Store the settings of an export, all or none, and return what is stored then. For administrators only.

        Settings that it leaves out return to their defaults, unless `keep_absent`. A mask leaves a secret as it is.
        `ignored` names paths that are no settings here. `dry_run`: nothing is stored. 400 names the setting that is
        invalid, or that the operator has set otherwise.
        """
        document: dict[str, Any] = await self.plugin.transfer.import_document(
            request.user,
            data.config,
            keep_absent=parse_query_flag("keep_absent", keep_absent),
            dry_run=parse_query_flag("dry_run", dry_run),
        )
        return json_response(document)


def _require_administrator(request: Request) -> None:
    """Raises: Forbidden. Some settings decide who becomes an administrator."""
    if not request.user.is_admin:
        raise Forbidden
