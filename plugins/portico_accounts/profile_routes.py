"""What people change about their own account, and whom they can ask."""

from typing import Any

from litestar.params import JSONBody

from portico.api import (
    ACTION_PROHIBITED,
    Actor,
    AppContext,
    Forbidden,
    InvalidRequest,
    JSONResponse,
    ProfileDetails,
    Request,
    get,
    json_response,
    post,
)
from portico_accounts.schemas import (
    AdminDetails,
    ProfileForm,
    ProfileResponse,
    StatusResponse,
    TimezoneForm,
)
from portico_accounts.settings import AccountsSettings

#: Bytes. A picture may come along.
MAX_FORM_BYTES = 384 * 1024


def routes(app: AppContext, settings: AccountsSettings) -> list[Any]:
    """Handlers that work in this house."""
    personal, accounts = app.identity.profiles, app.identity.accounts
    adjusted = app.runtime_settings.of(settings)

    @post("/api/v1/auths/update/profile", max_body=MAX_FORM_BYTES, response_type=ProfileResponse)
    async def update_profile(request: Request, data: JSONBody[ProfileForm]) -> JSONResponse:
        """Say who one is: all of it at once, and nothing besides; a role or an id is passed over."""
        details = ProfileDetails(
            name=data.name,
            profile_image_url=data.profile_image_url,
            bio=data.bio,
            gender=data.gender,
            date_of_birth=data.date_of_birth,
        )
        await personal.update(request.user.id, details)
        account = await accounts.by_id(request.user.id)
        return json_response(
            ProfileResponse(
                id=account.id,
                name=account.name,
                role=account.role,
                email=account.email,
                profile_image_url=account.profile_image_url,
            )
        )

    @post("/api/v1/auths/update/timezone", response_type=StatusResponse)
    async def update_timezone(request: Request, data: JSONBody[TimezoneForm]) -> JSONResponse:
        """Say where one is."""
        await personal.set_timezone(request.user.id, data.timezone)
        return json_response(StatusResponse())

    @get("/api/v1/auths/admin/details", access="user", response_type=AdminDetails)
    async def admin_details(request: Request) -> JSONResponse:
        """Whom to ask for help: the name of an administrator, and the address that the operator gave for it."""
        now = await adjusted.current()
        if not now.show_admin_details:
            raise _refused(request.user)
        return json_response(await _contact(app, now.admin_email))

    return [update_profile, update_timezone, admin_details]


def _refused(actor: Actor) -> InvalidRequest | Forbidden:
    """A setting that is off is nobody's fault; but an account that waits to be let in is told nothing at all."""
    return InvalidRequest(ACTION_PROHIBITED) if actor.is_verified else Forbidden(ACTION_PROHIBITED)


async def _contact(app: AppContext, email: str) -> AdminDetails:
    accounts = app.identity.accounts
    if email:
        account = await accounts.by_email(email)
        return AdminDetails(account.name if account else None, email)
    first = await accounts.first_admin_id()
    found = await accounts.find(first) if first else None
    return AdminDetails(found.name if found else None, None)
