"""What routes and commands do with tasks: the core knows whose they are, the policies what may be done with them."""

from typing import Literal, get_args

import msgspec

from portico.api import AppContext, NotFound
from portico.api.audit import record_change
from portico.api.auth import Actor
from portico.api.db import transaction
from portico.api.json import field_error
from portico.api.policy import Resource
from portico.api.tasks import TaskInfo, TaskStatus
from portico_task_admin.schemas import TaskPage, TaskView

KIND = "task"
#: Tasks on one page.
PAGE_SIZE = 50
STATUSES: tuple[TaskStatus, ...] = get_args(TaskStatus)


class TaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks to list. Empty = any."""

    status: str = ""
    name: str = ""
    item: str = ""


class TaskService:
    """The tasks of an actor; those of all accounts for administrators. Others raise NotFound, as unknown ones do."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def page(self, actor: Actor, query: TaskQuery, before: str = "") -> TaskPage:
        """Return the newest 50 tasks that the actor may read. `before`: the id of the last one of the previous page.

        Raises: ValidationError for an unknown status; NotFound for an unknown `before`.
        """
        for name in query.__struct_fields__:
            if not _is_storable(getattr(query, name)):
                raise field_error(
                    name, "value_error", "Only UTF-8 without NUL characters", source="query"
                )
        found = await self._app.tasks.list(
            actor,
            status=_status(query.status),
            name=query.name or None,
            item=query.item or None,
            limit=PAGE_SIZE,
            before=before or None,
        )
        allowed = self._app.permissions.allows
        readable = [one for one in found if await allowed(actor, "read", _resource(one))]
        return TaskPage(
            tasks=[TaskView.of(one) for one in readable],
            next=found[-1].id if len(found) == PAGE_SIZE else None,
        )

    async def find(self, actor: Actor, task_id: str) -> TaskView:
        """Return one task. Raises: NotFound."""
        return TaskView.of(await self._require(actor, task_id, "read"))

    async def cancel(self, actor: Actor, task_id: str) -> TaskView:
        """End a task, and return it. It has `cancel_requested` and still runs if its end was not confirmed in time.

        Raises: NotFound, Forbidden; InvalidRequest if it has completed or failed.
        """
        info = await self._require(actor, task_id, "cancel")
        if info.status in ("pending", "running"):
            # Before its end, for which another process may be waited.
            await _record("task.cancelled", actor, info)
        await self._app.tasks.cancel(actor, task_id)
        return await self.find(actor, task_id)

    async def retry(self, actor: Actor, task_id: str) -> TaskView:
        """Run a failed or cancelled task again, and return it. Raises: NotFound, Forbidden; InvalidRequest for others."""
        info = await self._require(actor, task_id, "retry")
        async with transaction():
            await self._app.tasks.retry(actor, task_id)
            await _record("task.retried", actor, info)
        return await self.find(actor, task_id)

    async def _require(
        self, actor: Actor, task_id: str, action: Literal["read", "cancel", "retry"]
    ) -> TaskInfo:
        info = await self._app.tasks.find(actor, task_id)
        resource = _resource(info)
        if not await self._app.permissions.allows(actor, "read", resource):
            raise NotFound
        await self._app.permissions.require(actor, action, resource)
        return info


async def _record(event: str, actor: Actor, info: TaskInfo) -> None:
    """Write an entry of the audit log, unless the task is the actor's own."""
    if info.user_id != actor.id:
        await record_change(event, KIND, info.id, None, {"name": info.name, "owner": info.user_id})


def _resource(info: TaskInfo) -> Resource:
    return Resource(KIND, info.id, owner_id=info.user_id or "")


def _is_storable(text: str) -> bool:
    """Return whether a database can be asked for the text. Arguments of commands may be any bytes."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _status(text: str) -> TaskStatus | None:
    for status in STATUSES:
        if status == text:
            return status
    if text:
        names = ", ".join(STATUSES)
        raise field_error("status", "value_error", f"One of: {names}", source="query")
    return None
