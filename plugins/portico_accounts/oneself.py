"""What people change about their own account, and whom they can ask."""

from typing import Any

from litestar.params import JSONBody

from portico.api import (
    ACTION_PROHIBITED,
    Actor,
    Forbidden,
    House,
    Invalid,
    JSONBytes,
    PersonalDetails,
    Request,
    get,
    json_reply,
    post,
)
from portico_accounts.schemas import AdminDetails, Done, ProfileAnswer, ProfileForm, TimezoneForm
from portico_accounts.settings import Settings

#: Bytes. A picture may come along.
FORM = 384 * 1024


def routes(house: House, settings: Settings) -> list[Any]:
    """Handlers that work in this house."""
    personal, directory = house.identity.personal, house.identity.directory
    adjusted = house.adjustments.of(settings)

    @post("/api/v1/auths/update/profile", max_body=FORM, answers=ProfileAnswer)
    async def update_profile(request: Request, data: JSONBody[ProfileForm]) -> JSONBytes:
        """Say who one is: all of it at once, and nothing besides; a role or an id is passed over."""
        details = PersonalDetails(
            name=data.name,
            profile_image_url=data.profile_image_url,
            bio=data.bio,
            gender=data.gender,
            date_of_birth=data.date_of_birth,
        )
        await personal.say(request.user.id, details)
        account = await directory.by_id(request.user.id)
        return json_reply(
            ProfileAnswer(
                id=account.id,
                name=account.name,
                role=account.role,
                email=account.email,
                profile_image_url=account.profile_image_url,
            )
        )

    @post("/api/v1/auths/update/timezone", answers=Done)
    async def update_timezone(request: Request, data: JSONBody[TimezoneForm]) -> JSONBytes:
        """Say where one is."""
        await personal.settle(request.user.id, data.timezone)
        return json_reply(Done())

    @get("/api/v1/auths/admin/details", access="user", answers=AdminDetails)
    async def admin_details(request: Request) -> JSONBytes:
        """Whom to ask for help: the name of an administrator, and the address that the operator gave for it."""
        now = await adjusted.now()
        if not now.show_admin_details:
            raise _refused(request.user)
        return json_reply(await _contact(house, now.admin_email))

    return [update_profile, update_timezone, admin_details]


def _refused(actor: Actor) -> Invalid | Forbidden:
    """A setting that is off is nobody's fault; but an account that waits to be let in is told nothing at all."""
    return Invalid(ACTION_PROHIBITED) if actor.is_verified else Forbidden(ACTION_PROHIBITED)


async def _contact(house: House, email: str) -> AdminDetails:
    directory = house.identity.directory
    if email:
        account = await directory.by_email(email)
        return AdminDetails(account.name if account else None, email)
    first = await directory.primary()
    found = await directory.find(first) if first else None
    return AdminDetails(found.name if found else None, None)
