"""The routes of evaluations. What they do is in `service.py`, `feedback_lists.py`, `leaderboard.py` and `arena_config.py`."""

from typing import Annotated, Literal

from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from portico.api.json import json_array_stream
from portico.api.models import JSON_MEDIA_TYPE, SourceResponse
from portico.api.text import CSV_MEDIA_TYPE
from portico.api.web import (
    Controller,
    JSONResponse,
    QueryFlag,
    Request,
    StreamResponse,
    delete,
    get,
    json_response,
    parse_query_flag,
    post,
    stream_response,
)
from portico_evaluations.components import EvaluationsPlugin
from portico_evaluations.csv_export import csv_stream
from portico_evaluations.schemas import (
    AuthoredFeedback,
    EvaluationConfig,
    EvaluationConfigAnswer,
    ExportedFeedback,
    Feedback,
    FeedbackForm,
    FeedbackOrder,
    FeedbackPage,
    LeaderboardView,
    ListedFeedback,
)

EVALUATIONS = "/api/v1/evaluations"
FEEDBACK = f"{EVALUATIONS}/feedback/{{feedback_id:str}}"
#: Permission to rate replies.
RATE = "chat.rate_response"
#: JSON values in a form: its copy of a chat is never decoded as a whole.
MAX_VALUES = 4_000_000
#: Bytes of the form with all arena models, which may have pictures.
MAX_CONFIG_BYTES = 2 * 1024 * 1024

FeedbackId = Annotated[str, PathParameter(description="Id of the rating")]


class FeedbackRoutes(Controller):
    """`/api/v1/evaluations/feedback`: ratings of replies."""

    plugin: EvaluationsPlugin

    @post(
        f"{EVALUATIONS}/feedback",
        permission=RATE,
        response_type=Feedback,
        large_body=True,
        max_values=MAX_VALUES,
    )
    async def create_feedback(self, request: Request, data: JSONBody[FeedbackForm]) -> JSONResponse:
        """Rate a reply in one of the caller's chats. A second rating of the same reply replaces the first."""
        return json_response(await self.plugin.feedback.create(request.user, data))

    @get(FEEDBACK, response_type=Feedback)
    async def get_feedback(self, request: Request, feedback_id: FeedbackId) -> JSONResponse:
        """Return a rating with the copy of its chat."""
        return json_response(await self.plugin.feedback.get(request.user, feedback_id))

    @post(
        FEEDBACK,
        permission=RATE,
        response_type=Feedback,
        large_body=True,
        max_values=MAX_VALUES,
    )
    async def update_feedback(
        self, request: Request, feedback_id: FeedbackId, data: JSONBody[FeedbackForm]
    ) -> JSONResponse:
        """Change a rating of the caller. What is missing or null stays as it is.

        If `meta` names another reply of the caller, that one is rated: a cloned chat keeps the ids of its ratings.
        """
        return json_response(await self.plugin.feedback.update(request.user, feedback_id, data))

    @delete(FEEDBACK, response_type=bool)
    async def delete_feedback(self, request: Request, feedback_id: FeedbackId) -> JSONResponse:
        """Delete a rating and what it has added to the leaderboard."""
        await self.plugin.feedback.delete(request.user, feedback_id)
        return json_response(True)

    @get(f"{EVALUATIONS}/feedbacks/user", response_type=list[AuthoredFeedback])
    async def list_own_feedback(self, request: Request) -> JSONResponse:
        """Return the caller's last 1,000 ratings, the last changed first, without copies of chats."""
        return json_response(await self.plugin.lists.own(request.user))

    @delete(f"{EVALUATIONS}/feedbacks", response_type=bool)
    async def delete_own_feedback(self, request: Request) -> JSONResponse:
        """Delete all ratings of the caller. Returns whether there were any."""
        return json_response(await self.plugin.feedback.delete_own(request.user))


class EvaluationAdminRoutes(Controller):
    """`/api/v1/evaluations`: lists of all ratings, the leaderboard, and the arena models."""

    plugin: EvaluationsPlugin

    @get(f"{EVALUATIONS}/config", requires="settings:read", response_type=EvaluationConfigAnswer)
    async def get_evaluation_config(self) -> JSONResponse:
        """Return the arena models."""
        return json_response(await self.plugin.arena.current())

    @post(
        f"{EVALUATIONS}/config",
        requires="settings:write",
        max_body=MAX_CONFIG_BYTES,
        response_type=EvaluationConfigAnswer,
    )
    async def update_evaluation_config(
        self, request: Request, data: JSONBody[EvaluationConfig]
    ) -> JSONResponse:
        """Change the arena models, and return those in force. 400 for a setting that the operator has pinned."""
        return json_response(await self.plugin.arena.update(request.user, data))

    @get(
        f"{EVALUATIONS}/feedbacks/all",
        requires="feedback:read",
        response_type=list[ListedFeedback],
    )
    async def list_all_feedback(self, request: Request) -> StreamResponse:
        """Return the last changed ratings of all users, at most `evaluations.max_listed`, without comments and copies of chats.

        `GET /feedbacks/list` has the comments, a page at a time.
        """
        blocks = await self.plugin.lists.all(request.user)
        return stream_response(request, SourceResponse(body=json_array_stream(blocks)))

    @delete(f"{EVALUATIONS}/feedbacks/all", requires="feedback:delete", response_type=bool)
    async def delete_all_feedback(self, request: Request) -> JSONResponse:
        """Delete the ratings of all users. Returns whether there were any."""
        return json_response(await self.plugin.feedback.delete_all(request.user))

    @get(
        f"{EVALUATIONS}/feedbacks/all/export",
        requires="feedback:export",
        response_type=list[ExportedFeedback],
    )
    async def export_feedback(
        self,
        request: Request,
        *,
        format: Annotated[
            Literal["json", "csv"], QueryParameter(description="`csv` has no copies of chats")
        ] = "json",
        snapshots: QueryFlag = "true",
    ) -> StreamResponse:
        """Return all ratings of all users, with the copies of chats that the caller may read, as JSON or CSV."""
        is_csv = format == "csv"
        wanted = not is_csv and parse_query_flag("snapshots", snapshots)
        blocks = await self.plugin.lists.export(request.user, with_snapshots=wanted)
        body = csv_stream(blocks) if is_csv else json_array_stream(blocks)
        content_type = CSV_MEDIA_TYPE if is_csv else JSON_MEDIA_TYPE
        name = f'attachment; filename="feedback.{format}"'.encode()
        return stream_response(
            request,
            SourceResponse(body=body, content_type=content_type),
            ((b"content-disposition", name),),
        )

    @get(f"{EVALUATIONS}/feedbacks/list", requires="feedback:read", response_type=FeedbackPage)
    async def list_feedback(
        self,
        request: Request,
        *,
        page: FromQuery[int] = 1,
        order_by: FromQuery[FeedbackOrder] = "",
        direction: FromQuery[Literal["asc", "desc"]] = "desc",
    ) -> JSONResponse:
        """Return a page of 30 ratings of all users with their authors; without an order, the newest first."""
        return json_response(
            await self.plugin.lists.page(request.user, page, order_by, ascending=direction == "asc")
        )

    @get(f"{EVALUATIONS}/leaderboard", requires="feedback:read", response_type=LeaderboardView)
    async def leaderboard(self, tag: FromQuery[str] = "") -> JSONResponse:
        """Return models by the ratings of their replies, of all ratings or of those with a tag."""
        return json_response(await self.plugin.leaderboard.of(tag))
