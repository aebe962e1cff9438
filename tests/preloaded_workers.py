"""Workers of pytest-xdist, forked from a process that has imported all tests already.

Importing Portico, the tests and what they need takes each worker ten seconds of computing time. A forked worker has it
all, and collects the tests in three seconds. With TEST_FORK=no, each worker is a new interpreter.
"""

import gc
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

LAUNCHER = Path(__file__).with_name("worker_launcher.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[Any]) -> None:
    """Start the origin of the workers, and that of the servers of all workers, at the same time."""
    from tests import forked_processes

    if not forked_processes.is_forking_chosen():
        return
    folder = Path(tempfile.mkdtemp(prefix="portico-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    forked_processes.start_shared_origin(folder / "servers")
    path = folder / "workers"
    with forked_processes.listening_socket(path) as listener:
        environment = dict(os.environ)  # noqa: TID251 - that of the workers
        control = forked_processes.start_origin(__name__, listener, environment, config.args)
    config.add_cleanup(control.close)
    for spec in specs:
        spec.python = shlex.join([sys.executable, str(LAUNCHER), str(path)])


def _import_tests(arguments: Sequence[str]) -> None:
    """Collect these tests, as a worker does, and forget the collection."""
    streams = sys.stdout, sys.stderr
    with open(os.devnull, "w") as nothing:
        sys.stdout = sys.stderr = nothing
        # What is wrong is reported by the workers, which import it again.
        pytest.main(["-n", "0", "--collect-only", *arguments])
        sys.stdout, sys.stderr = streams
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to this process, too
    numbers, *arguments = sys.argv[1:]
    _import_tests(arguments)
    # Not before, since pytest must be the first to import what it rewrites.
    from tests import forked_processes

    sys.argv[1:] = [numbers]
    for line, descriptors in forked_processes.forked_for_requests(
        forked_processes.inherited_sockets()
    ):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        forked_processes.take_streams(descriptors)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - until the end
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        sys.argv[:] = ["-c"]
        exec(line, {"__name__": "__main__"})


if __name__ == "__main__":
    _main()
