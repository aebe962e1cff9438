"""Plugins that raise what would end more than their own call: exits of the interpreter, and cancellations."""

import asyncio


class PluginExit(RuntimeError):
    """A plugin has raised SystemExit or CancelledError."""


def is_failure(error: BaseException) -> bool:
    """Return whether a plugin failed by raising this.

    An exit would end the process, since a task raises it in the event loop itself. A cancellation is a failure unless
    this task is being cancelled: plugins that cancel a task of their own and await it raise one.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(error, Exception | SystemExit)
