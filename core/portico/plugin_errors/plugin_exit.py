"""Plugins that raise what would end more than their own call: exits of the interpreter, and cancellations."""

import asyncio
import dis
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
_RAISE = dis.opmap["RAISE_VARARGS"]


class PluginFault(Exception):
    """An error that names the plugin whose fault it is. `at`: the plugin's own file and line; empty if it is unknown."""

    plugin: str = ""
    at: str = ""


class PluginExit(RuntimeError):
    """A plugin has raised what is no `Exception`, such as SystemExit or CancelledError. `__cause__`: that."""


def is_failure(error: BaseException) -> bool:
    """Return whether a plugin failed by raising this.

    An exit would end the process, since a task raises it in the event loop itself. A cancellation is a failure unless
    this task is being cancelled: plugins that cancel a task of their own and await it raise one. KeyboardInterrupt and
    GeneratorExit are failures where a `raise` statement raised them: not Ctrl-C, nor the end of a coroutine.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        return _was_raised_by_statement(error)
    return True


async def contained(work: Awaitable[T]) -> T:
    """Await work in a task of its own. Raises: PluginExit in place of an exit, which the task would raise in the event loop."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        if not is_failure(error):
            raise
        raise PluginExit from error


@contextmanager
def uncancelled() -> Iterator[None]:
    """Run code of a plugin in this task. Raises: PluginExit if it cancels all tasks; its own errors."""
    # Nothing but a cancellation of all tasks cancels this one.
    unrelated = asyncio.ensure_future(asyncio.Event().wait())
    try:
        yield
    except asyncio.CancelledError as error:
        if not unrelated.cancelling() or (task := asyncio.current_task()) is None:
            raise
        while task.uncancel():
            pass
        raise PluginExit("it cancels tasks that are not its own") from error
    finally:
        unrelated.cancel()


def _was_raised_by_statement(error: BaseException) -> bool:
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    return entry is not None and entry.tb_frame.f_code.co_code[entry.tb_lasti] == _RAISE
