"""Many uploads at once while the server process is killed: no file without its content, no content without its file.

    .venv/bin/python -m tests.soak.file_kills [--uploads 1000] [--parallel 1000] [--kills 5] [--postgres]

Exits with 1 if an acknowledged file is lost, or if rows and objects are not the same in the end.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import click
from tests.file_kills import SETTINGS, upload_under_kills
from tests.servers import fresh_database, postgres_server

from portico.testing import SECRET, ServerProcess


@click.command(help=__doc__, context_settings={"max_content_width": 130})
@click.option("--uploads", default=1000, help="Uploads.")
@click.option("--parallel", default=1000, help="Uploads at once.")
@click.option("--kills", default=5, help="How often the server is killed.")
@click.option("--size", default=500_000, help="Bytes of the largest file.")
@click.option("--postgres", is_flag=True, help="On PostgreSQL, instead of SQLite.")
def main(uploads: int, parallel: int, kills: int, size: int, postgres: bool) -> None:
    """Run it once and report."""
    with contextlib.ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            "DATA_DIR": str(directory / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "GLOBAL_LOG_LEVEL": "error",
            "ENABLE_SIGNUP": "true",
        }
        if postgres:
            url = opened.enter_context(fresh_database(opened.enter_context(postgres_server())))
            environment["DATABASE_URL"] = url
        server = ServerProcess(environment | SETTINGS, directory)
        opened.callback(server.kill)
        files = directory / "data" / "files"
        outcome = upload_under_kills(
            server, files, uploads=uploads, parallel=parallel, kills=kills, size=size
        )
    click.echo(outcome.text())
    sys.exit(not outcome.is_right)


if __name__ == "__main__":
    main()
