"""Routes of chat completions."""

import msgspec
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from portico.api.json import let_others_run
from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    json_response,
    post,
    stream_response,
)
from portico_completions.components import CompletionsPlugin
from portico_completions.finished_turn import parse_finished_turn
from portico_completions.request import parse_request


class CompletionRoutes(Controller):
    """`/api/chat/completions`, the same below `/api/v1`, and `/api/chat/completed`."""

    plugin: CompletionsPlugin

    @post(["/api/chat/completions", "/api/v1/chat/completions"], large_body=True, errors="openai")
    async def complete(self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Complete a chat with a model. OpenAI's request and response, whole or streamed.

        With `session_id`, `chat_id` and `id` the response is `{"status", "task_id"}` at once, and the reply arrives in
        socket events.
        """
        size = len(await request.body())
        completion = parse_request(data, size)
        await let_others_run(size)
        completions = self.plugin.completions
        if completion.wants_events:
            task_id = await completions.start(completion, request.user)
            return json_response({"status": True, "task_id": task_id})
        return stream_response(request, completions.complete(completion, request.user))

    @post("/api/chat/completed", large_body=True)
    async def complete_turn(
        self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]
    ) -> JSONResponse:
        """Return the messages that a client shows at the end of a turn, with the text of the reply as it is stored.

        Runs nothing: the reply was finished and stored before its last event was sent.
        """
        size = len(await request.body())
        turn = parse_finished_turn(data)
        content = await self.plugin.completions.stored_content(turn, request.user)
        await let_others_run(size)
        return json_response(turn.with_content(content))

    @post("/api/chat/actions/{action_id:str}", large_body=True)
    async def run_action(
        self, request: Request, action_id: FromPath[str], data: JSONBody[dict[str, msgspec.Raw]]
    ) -> JSONResponse:
        """Run an action of a plugin on a reply. The body is that of `/api/chat/completed`, the answer is the action's."""
        turn = parse_finished_turn(data)
        answer = await self.plugin.completions.run_action(action_id, turn, request.user)
        return json_response(answer)
