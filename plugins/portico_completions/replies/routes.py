"""Routes of replies in the making, which clients know as tasks."""

from litestar.params import FromPath

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_completions.components import CompletionsPlugin

STOPPED = "Task {} successfully stopped."
SIGNALLED = "Stop signal sent for {}."
NOT_FOUND = "Task with ID {} not found."


class ReplyTaskRoutes(Controller):
    """`/api/tasks`: the caller's replies in the making. Administrators see those of all accounts."""

    plugin: CompletionsPlugin

    @get("/api/tasks")
    async def list_tasks(self, request: Request) -> JSONResponse:
        """List the ids of the caller's replies that are being generated, on all instances."""
        return json_response({"tasks": await self.plugin.replies.ids(request.user)})

    @get("/api/tasks/chat/{chat_id:str}")
    async def list_tasks_of_chat(self, request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """List the ids of the caller's replies that are being generated in one chat; none for an unknown chat."""
        return json_response({"task_ids": await self.plugin.replies.ids(request.user, chat_id)})

    @post("/api/tasks/stop/{task_id:str}")
    async def stop_task(self, request: Request, task_id: FromPath[str]) -> JSONResponse:
        """Stop a reply, on whichever instance it is generated. The text that was received stays in the chat.

        Answers `status: false` for an unknown task and for one of another account.
        """
        stopped = await self.plugin.replies.stop(request.user, task_id)
        if stopped is None:
            return json_response({"status": False, "message": NOT_FOUND.format(task_id)})
        message = STOPPED if stopped else SIGNALLED
        return json_response({"status": True, "message": message.format(task_id)})
