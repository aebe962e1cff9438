"""Programs that tests run beside themselves until they do not need them any more."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

#: Seconds that a program has to end after it was asked to.
END_SECONDS = 10


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program and end it afterwards. `log`: the file for what it prints. `folder`: its current one."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
