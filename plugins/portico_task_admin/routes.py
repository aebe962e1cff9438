"""The routes of tasks. What they do is in `service.py`."""

from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_task_admin.schemas import TaskPage, TaskView
from portico_task_admin.service import TaskQuery, TaskService

TASKS_PATH = "/api/v1/tasks/jobs"
TASK_PATH = f"{TASKS_PATH}/{{task_id:str}}"

TaskId = Annotated[str, PathParameter(description="Id of the task.")]
Status = Annotated[
    str, QueryParameter(description="`pending`, `running`, `completed`, `cancelled` or `failed`")
]
Name = Annotated[str, QueryParameter(description="Name of the type, such as `generation:title`")]
Item = Annotated[str, QueryParameter(description="What it is about, such as the id of a chat")]
Before = Annotated[str, QueryParameter(description="Id of the last task of the previous page")]


class TaskRoutes(Controller):
    """`/api/v1/tasks/jobs`: the tasks of the caller, and of all accounts for administrators."""

    plugin: TaskService

    @get(TASKS_PATH, response_type=TaskPage)
    async def list_tasks(
        self,
        request: Request,
        status: Status = "",
        name: Name = "",
        item: Item = "",
        before: Before = "",
    ) -> JSONResponse:
        """List tasks, 50 at a time, newest first."""
        query = TaskQuery(status=status, name=name, item=item)
        return json_response(await self.plugin.page(request.user, query, before))

    @get(TASK_PATH, response_type=TaskView)
    async def get_task(self, request: Request, task_id: TaskId) -> JSONResponse:
        """Return one task with its progress."""
        return json_response(await self.plugin.find(request.user, task_id))

    @post(f"{TASK_PATH}/cancel", response_type=TaskView)
    async def cancel_task(self, request: Request, task_id: TaskId) -> JSONResponse:
        """End a task, on whichever process it runs, and return it.

        If its process has not confirmed the end within five seconds, `cancel_requested` is true and `status` is `running`.
        400 if the task has completed or failed.
        """
        return json_response(await self.plugin.cancel(request.user, task_id))

    @post(f"{TASK_PATH}/retry", response_type=TaskView)
    async def retry_task(self, request: Request, task_id: TaskId) -> JSONResponse:
        """Run a task again that has failed or was cancelled, and return it. 400 for any other."""
        return json_response(await self.plugin.retry(request.user, task_id))
