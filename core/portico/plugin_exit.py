"""Plugins that raise what would end more than their own call: exits of the interpreter, and cancellations."""

import asyncio
import dis

_RAISE = dis.opmap["RAISE_VARARGS"]


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


def as_exception(error: BaseException) -> Exception:
    """Return the error itself if it is an `Exception`, else a `PluginExit` that it caused."""
    if isinstance(error, Exception):
        return error
    failure = PluginExit(f"it raised {type(error).__name__}")
    failure.__cause__ = error
    return failure


def _was_raised_by_statement(error: BaseException) -> bool:
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    return entry is not None and entry.tb_frame.f_code.co_code[entry.tb_lasti] == _RAISE
