"""The routes of the policies. What they do is in `policy_queries.py` and `policy_changes.py`."""

from typing import Annotated

from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from portico.api.policy import MAX_POLICY_FILE_BYTES, AccessExplanation, PolicyVersion
from portico.api.web import Controller, JSONResponse, Request, delete, get, json_response, post, put
from portico_policy_admin import policy_changes, policy_queries
from portico_policy_admin.components import PolicyAdminPlugin
from portico_policy_admin.schemas import (
    AccountsPage,
    ActivePolicies,
    PolicyFilesDraft,
    PolicyFileText,
    PolicyVersionsPage,
    PreviewResult,
    RollbackRequest,
    SavedVersion,
)

ResourceId = Annotated[
    str, QueryParameter(name="id", description="The id of one resource; empty = the collection")
]
FileName = Annotated[str, PathParameter(description="The file's name, such as `auditors.csv`")]
#: JSON may write a character in six bytes.
MAX_FILE_BODY_BYTES = 6 * MAX_POLICY_FILE_BYTES
MAX_DRAFT_BODY_BYTES = 8 * 1024 * 1024


class PolicyRoutes(Controller):
    """`/api/v1/policies`: the policies, previews of changes, saved files and versions."""

    plugin: PolicyAdminPlugin

    @get("/api/v1/policies", requires="policy:read", response_type=ActivePolicies)
    async def get_policies(self) -> JSONResponse:
        """Return every active policy file, where it comes from, and why the latest files are rejected if they are."""
        return json_response(await policy_queries.active_policies(self.plugin.app))

    @get("/api/v1/policies/explain", requires="policy:read", response_type=AccessExplanation)
    async def explain(
        self,
        user: FromQuery[str],
        action: FromQuery[str],
        kind: FromQuery[str],
        resource_id: ResourceId = "",
    ) -> JSONResponse:
        """Explain whether and why a user is allowed an action. `user`: an id or an e-mail address."""
        return json_response(
            await policy_queries.explain(self.plugin.app, user, action, kind, resource_id)
        )

    @get("/api/v1/policies/who-can", requires="policy:read", response_type=AccountsPage)
    async def who_can(
        self,
        action: FromQuery[str],
        kind: FromQuery[str],
        resource_id: ResourceId = "",
        page: FromQuery[int] = 1,
    ) -> JSONResponse:
        """List the accounts that are allowed an action, and the rules that allow it; 100 accounts a page."""
        return json_response(
            await policy_queries.allowed_accounts(
                self.plugin.app, action, kind, resource_id, max(page, 1)
            )
        )

    @post(
        "/api/v1/policies/preview",
        requires="policy:read",
        read_only=True,
        response_type=PreviewResult,
        max_body=MAX_DRAFT_BODY_BYTES,
    )
    async def preview(self, data: JSONBody[PolicyFilesDraft]) -> JSONResponse:
        """Return which accounts would gain or lose access if these files were saved. Nothing is saved.

        400 if they are not valid: each line of `detail` is a fault, and begins with the file and the line.
        """
        return json_response(await policy_changes.preview(self.plugin.app, data.files))

    @put(
        "/api/v1/policies/files/{name:str}",
        requires="policy:write",
        response_type=SavedVersion,
        max_body=MAX_FILE_BODY_BYTES,
    )
    async def save(
        self, request: Request, name: FileName, data: JSONBody[PolicyFileText]
    ) -> JSONResponse:
        """Save a policy file. It replaces the one of the same name, and is active from the next request on.

        400 if it is not valid, as for `preview`; then nothing has changed.
        """
        return _saved(await policy_changes.save(self.plugin.app, name, data.text, request.user.id))

    @delete(
        "/api/v1/policies/files/{name:str}", requires="policy:write", response_type=SavedVersion
    )
    async def delete_file(self, request: Request, name: FileName) -> JSONResponse:
        """Delete a saved policy file. The file that it replaced is active again."""
        return _saved(await policy_changes.save(self.plugin.app, name, None, request.user.id))

    @get("/api/v1/policies/versions", requires="policy:read", response_type=PolicyVersionsPage)
    async def list_versions(self, before: FromQuery[int | None] = None) -> JSONResponse:
        """List the saved versions, 20 at a time, newest first."""
        return json_response(await policy_changes.versions(self.plugin.app, before))

    @get(
        "/api/v1/policies/versions/{number:int}",
        requires="policy:read",
        response_type=PolicyVersion,
    )
    async def get_version(
        self,
        number: Annotated[int, PathParameter(description="The version's number")],
    ) -> JSONResponse:
        """Return one version with the texts of its files."""
        return json_response(await self.plugin.app.policies.version(number))

    @post("/api/v1/policies/rollback", requires="policy:write", response_type=SavedVersion)
    async def roll_back(self, request: Request, data: JSONBody[RollbackRequest]) -> JSONResponse:
        """Save the files of an earlier version as a new version; 0 = as if nothing had been saved."""
        return _saved(
            await policy_changes.roll_back(self.plugin.app, data.version, request.user.id)
        )


def _saved(number: int) -> JSONResponse:
    return json_response(SavedVersion(version=number))
