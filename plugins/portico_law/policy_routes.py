"""The routes of the law. What they do is in `asking.py` and `changing.py`."""

from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from portico.api import (
    LARGEST_PAGE,
    Explanation,
    House,
    JSONBytes,
    Request,
    Version,
    delete,
    get,
    json_reply,
    post,
    put,
)
from portico_law import asking, changing
from portico_law.schemas import (
    Draft,
    LawInForce,
    Outcome,
    PageText,
    People,
    RollBack,
    SavedVersion,
    Versions,
)

ThingId = Annotated[
    str, QueryParameter(name="id", description="One thing; empty = the kind in general")
]
PageName = Annotated[str, PathParameter(description="The page's name, such as `auditors.csv`")]
#: JSON may write a character in six.
MOST_OF_A_PAGE = 6 * LARGEST_PAGE
MOST_OF_A_DRAFT = 8 * 1024 * 1024


def routes(house: House) -> list[Any]:
    """Handlers that work in this house."""

    @get("/api/v1/policies", may="policy:read", answers=LawInForce)
    async def show() -> JSONBytes:
        """Every page of the law in force, where it comes from, and why the latest ones are not in force if so."""
        return json_reply(await asking.law_in_force(house))

    @get("/api/v1/policies/explain", may="policy:read", answers=Explanation)
    async def why(
        user: FromQuery[str], action: FromQuery[str], kind: FromQuery[str], thing: ThingId = ""
    ) -> JSONBytes:
        """Whether and why somebody may do something. `user`: an id or an e-mail address."""
        return json_reply(await asking.why(house, user, action, kind, thing))

    @get("/api/v1/policies/who", may="policy:read", answers=People)
    async def who(
        action: FromQuery[str],
        kind: FromQuery[str],
        thing: ThingId = "",
        page: FromQuery[int] = 1,
    ) -> JSONBytes:
        """Who may do something, and the lines that let them; 100 people a page."""
        return json_reply(await asking.who_may(house, action, kind, thing, max(page, 1)))

    @post(
        "/api/v1/policies/what-if",
        may="policy:read",
        reads=True,
        answers=Outcome,
        max_body=MOST_OF_A_DRAFT,
    )
    async def what_if(data: JSONBody[Draft]) -> JSONBytes:
        """Who would gain or lose what if these pages were saved. Nothing is saved.

        400 if they are no good law: each line of `detail` is a fault, and begins with the page and the line.
        """
        return json_reply(await changing.try_out(house, data.pages))

    @put(
        "/api/v1/policies/pages/{name:str}",
        may="policy:write",
        answers=SavedVersion,
        max_body=MOST_OF_A_PAGE,
    )
    async def save(request: Request, name: PageName, data: JSONBody[PageText]) -> JSONBytes:
        """Save a page. It replaces the one of the same name, and is in force from the next request on.

        400 if it is no good law, as for `what-if`; then nothing has changed.
        """
        return _saved(await changing.save(house, name, data.text, request.user.id))

    @delete("/api/v1/policies/pages/{name:str}", may="policy:write", answers=SavedVersion)
    async def take_back(request: Request, name: PageName) -> JSONBytes:
        """Take a saved page back. What it replaced is in force again."""
        return _saved(await changing.save(house, name, None, request.user.id))

    @get("/api/v1/policies/versions", may="policy:read", answers=Versions)
    async def versions(before: FromQuery[int | None] = None) -> JSONBytes:
        """What was saved and when, 20 versions at a time, newest first."""
        return json_reply(await changing.versions(house, before))

    @get("/api/v1/policies/versions/{number:int}", may="policy:read", answers=Version)
    async def version(
        number: Annotated[int, PathParameter(description="The version's number")],
    ) -> JSONBytes:
        """One version with the texts of its pages."""
        return json_reply(await house.policies.version(number))

    @post("/api/v1/policies/rollback", may="policy:write", answers=SavedVersion)
    async def roll_back(request: Request, data: JSONBody[RollBack]) -> JSONBytes:
        """Make the pages of an earlier version count; 0 = as if nothing had been saved. This is a new version."""
        return _saved(await changing.roll_back(house, data.version, request.user.id))

    return [show, why, who, what_if, save, take_back, versions, version, roll_back]


def _saved(number: int) -> JSONBytes:
    return json_reply(SavedVersion(version=number))
