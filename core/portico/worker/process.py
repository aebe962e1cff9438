"""The worker process: checks that it can work, starts the application without routes, and stops it in order."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from portico.errors import DomainError, OperatorError, error_location
from portico.server.log_writer import LogWriter, take_over_streams
from portico.server.process_start import print_message
from portico.settings.load import LoadedSettings
from portico.settings.schema import CoreSettings
from portico.worker.status import StatusSocket

if TYPE_CHECKING:
    from portico.boot import Application

#: A signal within this time after the first is the same one, sent to the whole process group.
SAME_SIGNAL_SECONDS = 1.0
log = structlog.get_logger("portico.worker")


class CannotWork(OperatorError):
    """With these settings no worker can run. The text is one sentence."""


def work(loaded: LoadedSettings) -> None:
    """Run tasks until SIGTERM or SIGINT, and end the process. Raises: CannotWork. Exits with 1 if the start fails otherwise."""
    refuse_settings(loaded.settings)
    from portico.plugin_errors.event_loop import ExitProofLoop
    from portico.server.logging import configure_logging

    writer = take_over_streams()
    configure_logging(loaded.settings.log, writer=writer)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    data_dir = Path(loaded.settings.data_dir).absolute()

    async def run() -> None:
        await _run(loaded, data_dir, writer)
        writer.close()
        # The end of the loop would wait for tasks that ignore that they are cancelled, and for threads.
        os._exit(0)

    try:
        with asyncio.Runner(loop_factory=ExitProofLoop) as runner:
            runner.run(run())
    finally:
        writer.close()


def refuse_settings(settings: CoreSettings) -> None:
    """Raises: CannotWork if there is no Redis, the database is not PostgreSQL, or only servers are to run tasks."""
    from portico.db.address import PostgresAddress, find_database

    if not settings.redis.url:
        raise CannotWork(
            "A worker is told of tasks by Redis: set REDIS_URL to the Redis of the servers, or start no worker, since "
            "servers run their tasks themselves where there is none."
        )
    if settings.tasks.runner == "server":
        raise CannotWork(
            "Only the servers run tasks, since tasks.runner = server: set it to auto or worker, or start no worker."
        )
    data_dir = Path(settings.data_dir).absolute()
    if not isinstance(find_database(settings.database, data_dir), PostgresAddress):
        raise CannotWork(
            "A worker needs PostgreSQL, and this database is SQLite: set DATABASE_URL, or start no worker, since the "
            "server runs its tasks itself."
        )


async def _run(loaded: LoadedSettings, data_dir: Path, writer: LogWriter) -> None:
    from portico.boot import Application
    from portico.plugins.overview import plugins_by_module
    from portico.settings.secret_key import ensure_secret_key
    from portico.web.counters import Counters
    from portico.web.loop_watch import LoopWatch

    stop = _event_of_signals(writer)
    settings = loaded.settings
    application = Application(loaded, ensure_secret_key(settings, data_dir), role="worker")
    application.check_required_plugins()
    watch = LoopWatch(
        settings.server.loop_limit,
        Counters(),
        lambda: plugins_by_module(application.registry, application.manager),
        task_types=lambda: application.tasks.types,
    )
    try:
        if not await _start(application, stop):
            return
        watch.start()
        status = StatusSocket(data_dir, lambda: _status(application))
        await status.open()
        print_message(_ready_line(application))
        await stop.wait()
        await _finish(application)
        await status.close()
    finally:
        watch.stop()
        await application.stop()


def _ready_line(application: "Application") -> str:
    how = "told of them by Redis"
    if application.task_consumer is None:
        how = "found in the database, since a Redis cluster cannot have arq's queue"
    slots = application.settings.worker.concurrency
    return f"Portico worker is ready: {slots} tasks at the same time, {how}    Stop: Ctrl-C"


def _status(application: "Application") -> str:
    running = len(application.tasks.runner.executor.active)
    return f"The worker runs {running} {'task' if running == 1 else 'tasks'}."


async def _finish(application: "Application") -> None:
    """Wait for running tasks, but not too long. The others are pending again after `Application.stop`."""
    runner = application.tasks.runner
    if not await runner.finish(application.settings.worker.shutdown_timeout):
        left = len(runner.executor.active)
        log.info("tasks given back at shutdown", tasks=left)


async def _start(application: "Application", stop: asyncio.Event) -> bool:
    """Start the application. Return whether it is started: not if it was to stop before. Raises: CannotWork, CannotStart."""
    from portico.boot import CannotStart

    limit = application.settings.server.start_limit
    start = asyncio.create_task(application.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({start, stopping}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            await start
            application.check_required_plugins()
            return True
        if not stop.is_set():
            raise CannotStart(
                [f"the worker was not ready within {limit:g} s: it was still {application.doing}"]
            )
        return False
    except OperatorError as error:
        if (sentence := _why_never(error)) is not None:
            raise CannotWork(sentence) from error
        raise
    except DomainError:
        raise
    except Exception as error:
        raise CannotStart([f"{type(error).__name__}: {error} ({error_location(error)})"]) from error
    finally:
        await _end(start, stopping)


def _why_never(error: OperatorError) -> str | None:
    """Return the sentence of an error that no restart repairs; None for another error."""
    from portico.encryption import WrongEncryptionKey
    from portico.instances import MissingDatabase, SchemaRefused
    from portico.settings.secret_key import SecretKeyMismatch

    if isinstance(error, SecretKeyMismatch | WrongEncryptionKey):
        return (
            "A worker needs the keys of the servers, and the database is used with others: set WEBUI_SECRET_KEY, and the "
            "encryption keys if there are any, to theirs."
        )
    cause = error.__cause__
    if isinstance(cause, MissingDatabase):
        return "A worker needs the database of the servers, and this one is empty: set DATABASE_URL to theirs."
    if isinstance(cause, SchemaRefused):
        return f"A worker needs a schema of its own release: {str(cause).partition('. ')[0]}."
    return None


def _event_of_signals(writer: LogWriter) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set. A second signal ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    first = 0.0

    def handle(number: int) -> None:
        nonlocal first
        if not stop.is_set():
            first = time.monotonic()
            stop.set()
        elif time.monotonic() - first > SAME_SIGNAL_SECONDS:
            print_message("Second signal: stopping at once.")
            writer.close()
            os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)
    return stop


async def _end(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
