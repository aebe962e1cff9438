"""The routes of the caller's own profile and picture, and of the administrator to contact."""

from litestar.params import FromQuery, JSONBody

from portico.api.auth import ProfileDetails
from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_accounts.components import AccountsPlugin
from portico_accounts.schemas import (
    AdminDetails,
    ProfileForm,
    ProfileResponse,
    StatusResponse,
    TimezoneForm,
)

#: The form may contain a picture.
MAX_FORM_BYTES = 384 * 1024


class ProfileRoutes(Controller):
    """`/api/v1/auths/update/…`: the profile and the time zone of the caller."""

    plugin: AccountsPlugin

    @post("/api/v1/auths/update/profile", max_body=MAX_FORM_BYTES, response_type=ProfileResponse)
    async def update_profile(self, request: Request, data: JSONBody[ProfileForm]) -> JSONResponse:
        """Replace the profile of the caller. Other fields, such as a role or an id, are ignored."""
        identity = self.plugin.identity
        details = ProfileDetails(
            name=data.name,
            profile_image_url=data.profile_image_url,
            bio=data.bio,
            gender=data.gender,
            date_of_birth=data.date_of_birth,
        )
        await identity.profiles.update(request.user.id, details)
        account = await identity.accounts.by_id(request.user.id)
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
    async def update_timezone(self, request: Request, data: JSONBody[TimezoneForm]) -> JSONResponse:
        """Set the time zone of the caller."""
        await self.plugin.identity.profiles.set_timezone(request.user.id, data.timezone)
        return json_response(StatusResponse())

    @get("/api/v1/utils/gravatar", response_type=str)
    async def get_gravatar(self, request: Request, email: FromQuery[str]) -> JSONResponse:
        """Return the picture that Gravatar has for the caller's e-mail address, as a `data:` URL to store in the profile."""
        return json_response(await self.plugin.gravatar.picture(email, request.user))

    @get("/api/v1/auths/admin/details", access="user", response_type=AdminDetails)
    async def get_admin_details(self, request: Request) -> JSONResponse:
        """Return the name of an administrator to contact, and the e-mail address that the operator configured."""
        return json_response(await self.plugin.admin_contact.details(request.user))
