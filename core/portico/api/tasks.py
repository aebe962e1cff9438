"""Durable background tasks: the types that a plugin registers, what runs them, and `app.tasks`, which creates them.

A task is a row. It is created in the transaction that causes it, runs in any process, and is run again after a failure or a
crash; what `completing` encloses happens exactly once:

    class Notes:
        async def export(self, run: TaskRun, arguments: Export) -> None:
            text = await self.render(arguments.note_id)
            async with run.completing():
                await execute("INSERT INTO notes_export …", run.id, text)

    @hookimpl
    def register_tasks(plugin: Notes) -> list[TaskType]:
        return [TaskType("notes:export", Export, plugin.export, time_limit=600)]

    await app.tasks.create("notes:export", Export(note_id), user_id=actor.id, item=note_id)

Constants, types and decorators:

    TaskStatus  `pending`, `running`, `completed`, `cancelled` or `failed`.
"""

from portico.tasks import (
    NoArguments,
    TaskFailed,
    TaskInfo,
    TaskLost,
    TaskProgress,
    TaskRun,
    Tasks,
    TaskStatus,
    TaskType,
)

__all__ = [
    "NoArguments",
    "TaskFailed",
    "TaskInfo",
    "TaskLost",
    "TaskProgress",
    "TaskRun",
    "TaskStatus",
    "TaskType",
    "Tasks",
]
