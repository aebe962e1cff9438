"""`portico source …`: the model sources."""

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from portico.api import AppContext, CommandContext
from portico.api.cli import json_option, print_json, printable, progress_bar
from portico_source_admin.schemas import SourceCheck, SourceView
from portico_source_admin.service import SourceService


@click.group()
def source() -> None:
    """Show model sources, and check that they work."""


@source.command("list")
@json_option
@click.pass_obj
def list_sources(context: CommandContext, as_json: bool) -> None:
    """List the sources as they are configured, without asking them.

    What they are doing in a running server is at GET /api/v1/sources and /metrics.
    """
    found = context.run(lambda _: context.plugin.list_sources()).sources
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(_configuration(one))
    if not found:
        click.echo("No sources. Set OPENAI_API_BASE_URLS or OLLAMA_BASE_URLS.", err=True)


@source.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@json_option
@click.pass_obj
def check(context: CommandContext, names: Sequence[str], as_json: bool) -> None:
    """Have sources list their models now: those that are named, else all. Exits with 1 if one fails."""

    async def work(_: AppContext) -> list[SourceCheck]:
        service: SourceService = context.plugin
        known = await service.names()
        for name in names:
            if name not in known:
                raise click.UsageError(
                    f"There is no source {name!r}. See `portico source list` for the names."
                )
        return await _checked(service, list(dict.fromkeys(names)) or known)

    found = context.run(work)
    if as_json:
        print_json(found)
    else:
        for one in found:
            click.echo(_result(one))
    if any(one.source.state != "ok" for one in found):
        raise SystemExit(1)


async def _checked(service: SourceService, names: Sequence[str]) -> list[SourceCheck]:
    """Check all at the same time, with a progress bar."""
    with progress_bar("Checking sources", len(names)) as bar:

        async def one(name: str) -> SourceCheck:
            found = await service.check(name)
            _show_progress(bar, name)
            return found

        return await asyncio.gather(*map(one, names))


def _show_progress(bar: Any, name: str) -> None:
    bar.item_show_func = lambda _: printable(name)
    bar.update(1)


def _configuration(one: SourceView) -> str:
    operations = ", ".join(one.operations)
    return printable(
        f"{one.name:<24} {one.plugin:<10} order {one.order:<4} weight {one.weight:<6g} {operations}"
    )


def _result(one: SourceCheck) -> str:
    shown = one.source
    count = f"{shown.models} model{'' if shown.models == 1 else 's'}"
    what = count if shown.state == "ok" else shown.reason
    return printable(f"{shown.name:<24} {shown.state:<7} {one.seconds:>7.2f} s  {what}")
