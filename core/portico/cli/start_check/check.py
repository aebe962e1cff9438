"""Starts a process that tries a start, and reads what it finds; a plugin that ends the process is left out of the next."""

import asyncio
import dataclasses
import multiprocessing
import re
import secrets
import sys
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Any, Final

import msgspec

from portico.cli.start_check.database_copy import drop_schema
from portico.cli.start_check.plan import MORE_SECONDS, CheckPlan, StartCheck, working_directory
from portico.cli.start_check.process import run
from portico.errors import OperatorError
from portico.plugins.registry import FaultKind
from portico.settings.load import LoadedSettings

#: The plugin in what a start is doing.
_PLUGIN: Final = re.compile(r" of plugin '(\w+)'")


class StartCheckEnded(OperatorError):
    """The process of the check ended, or took too long. `plugin`: which was called last; empty = none is known."""

    def __init__(self, reason: str, doing: str, fault: FaultKind) -> None:
        super().__init__(f"{reason} while it was {doing}")
        self.fault = fault
        named = _PLUGIN.search(doing)
        self.plugin = named[1] if named else ""


def check_start(loaded: LoadedSettings, *, packaged_policies_only: bool = False) -> StartCheck:
    """Start as for serving, in another process, and return what became of the plugins.

    A plugin that ends the process, or keeps it from going on, fails, and the others are tried without it.
    `packaged_policies_only`: without the operator's policy files. Raises: OperatorError if no plugin can be loaded.
    """
    ended: dict[str, StartCheckEnded] = {}
    while True:
        try:
            found = _check_once(_without(loaded, ended), packaged_policies_only)
        except StartCheckEnded as error:
            if not error.plugin or error.plugin in ended:
                raise
            ended[error.plugin] = error
            continue
        for one in found.plugins:
            if error_of := ended.get(one["name"]):
                one |= {"state": "failed", "fault": error_of.fault, "reason": str(error_of)}
        found.refusals[:0] = [f"plugin {name!r}: {error}" for name, error in ended.items()]
        return found


def _without(loaded: LoadedSettings, plugins: Iterable[str]) -> LoadedSettings:
    """Return the settings with these plugins disabled."""
    choice = loaded.settings.plugins
    disabled = msgspec.structs.replace(choice, disable=[*choice.disable, *plugins])
    return dataclasses.replace(
        loaded, settings=msgspec.structs.replace(loaded.settings, plugins=disabled)
    )


def _check_once(loaded: LoadedSettings, packaged_policies_only: bool) -> StartCheck:
    """Start once. Raises: StartCheckEnded; OperatorError."""
    # A forked process has imported everything already. On a Mac, system libraries do not stand it.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with working_directory(loaded) as directory:
        plan = CheckPlan(
            loaded, directory, f"portico_check_{secrets.token_hex(6)}", packaged_policies_only
        )
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=run, args=(plan, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            return _receive(ours, loaded.settings.server.start_limit + MORE_SECONDS)
        except StartCheckEnded:
            process.kill()
            asyncio.run(drop_schema(plan))
            raise
        finally:
            process.kill()
            process.join()


def _receive(connection: Connection, limit: float) -> StartCheck:
    """Return the result of the other process. Raises: StartCheckEnded, with what it was doing last."""
    doing, end = "loading its plugins", time.monotonic() + limit
    while connection.poll(max(0.0, end - time.monotonic())):
        try:
            kind, value = connection.recv()
        except EOFError:
            raise StartCheckEnded("the process ended", doing, FaultKind.STARTUP) from None
        if kind == "doing":
            doing = value
        elif kind == "error":
            raise OperatorError(value)
        else:
            return StartCheck(**value)
    raise StartCheckEnded(f"the start did not end within {limit:g} s", doing, FaultKind.TIMEOUT)
