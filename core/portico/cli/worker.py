"""`portico worker`: runs background tasks."""

from typing import Any

import click

from portico.cli.context import CLIContext


@click.command()
@click.option(
    "--concurrency",
    "PORTICO_WORKER_CONCURRENCY",
    type=click.IntRange(1, 1000),
    help="Tasks that run at the same time. Sets PORTICO_WORKER_CONCURRENCY.",
)
@click.pass_obj
def worker(context: CLIContext, /, **options: Any) -> None:
    """Run background tasks of a server. Any number of workers may run; they need its PostgreSQL, Redis and secret key.

    Ctrl-C or SIGTERM stops it after running tasks have finished. Exits with 2 if these settings cannot work.
    """
    from portico.worker.process import CannotWork, work

    try:
        work(context.load_settings(**options))
    except CannotWork as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None
