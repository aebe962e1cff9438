"""`portico model`: list, export, import and sync models on the command line."""

import asyncio
from typing import Any, Final

import click
import msgspec

from portico.api import AppContext, CommandContext
from portico.api.cli import (
    Output,
    OutputFile,
    json_option,
    print_json,
    printable,
    progress_bar,
    renamed_option,
)
from portico.api.json import json_array_stream
from portico.api.resources import import_actor
from portico_models.components import ModelsPlugin
from portico_models.transfer.batches import BatchedModelImport
from portico_models.transfer.format import ImportDocument, read_import, with_templates
from portico_models.transfer.options import ImportOptions
from portico_models.transfer.report import ModelImportReport

#: Fields of each model that `list --json` prints.
LISTED_FIELDS: Final = (
    *("id", "name", "base_model_id", "user_id", "is_active"),
    *("updated_at", "created_at"),
)


file_argument = click.argument("source", metavar="FILE", type=click.File("rb"))
owner_option = click.option(
    "--owner",
    metavar="EMAIL",
    help="Account that owns new models, and whose permissions apply. Default: the owners named in FILE if "
    "they exist here, else the first administrator.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print what would be imported, but write nothing."
)
strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Fail if FILE shares models with users or groups that do not exist here, or in a form that cannot be "
    "imported. Default: share with fewer users, and report it.",
)
skip_unknown_option = click.option(
    "--skip-unknown-principals",
    is_flag=True,
    help="Do not report users and groups that do not exist here; models are not shared with them.",
)
former_skip_option = renamed_option("--drop-unknown", "--skip-unknown-principals", is_flag=True)


@click.group()
def model() -> None:
    """List, export and import models of the workspace."""


@model.command("list")
@json_option
@click.pass_obj
def list_models(context: CommandContext, as_json: bool) -> None:
    """List every model of the workspace, oldest first. `-` marks inactive ones."""

    async def load(_: AppContext) -> list[dict[str, Any]]:
        return [
            {name: getattr(one, name) for name in LISTED_FIELDS}
            async for block in context.plugin.export.everything()
            for one in block
        ]

    models = context.run(load)
    if as_json:
        print_json(models)
        return
    if not models:
        click.echo("There are no models yet. Import some with `portico model import FILE`.")
    for one in models:
        base = f" on {one['base_model_id']}" if one["base_model_id"] else ""
        line = f"{one['id']}{base}  {one['name']}"
        click.echo(f"{' ' if one['is_active'] else '-'} {printable(line)}")


@model.command()
@click.argument("target", metavar="[FILE]", type=OutputFile(), default="-")
@click.option("--all", "is_all", is_flag=True, help="Export overrides, too, as `sync` needs them.")
@click.option("--templates", "with_them", is_flag=True, help="Export templates, too.")
@click.pass_obj
def export(context: CommandContext, target: Output, is_all: bool, with_them: bool) -> None:
    """Write all presets as JSON to FILE (default, or -: standard output)."""

    async def work(app: AppContext) -> None:
        export = context.plugin.export
        blocks = export.everything() if is_all else export.all_presets()
        with (
            target.open() as file,
            progress_bar("Exporting", await export.count(presets_only=not is_all)) as bar,
        ):

            async def counted() -> Any:
                async for block in blocks:
                    yield block
                    bar.update(len(block))

            parts = json_array_stream(counted())
            if with_them:
                actor = await import_actor(app.identity, None)
                templates = await context.plugin.templates.export(actor)
                parts = with_templates(parts, templates)
            async for part in parts:
                file.write(part)
            file.write(b"\n")

    context.run(work)


@model.command("import")
@file_argument
@dry_run_option
@owner_option
@strict_option
@skip_unknown_option
@former_skip_option
@json_option
@click.pass_obj
def import_(context: CommandContext, /, source: Any, as_json: bool, **options: Any) -> None:
    """Import the models and templates in FILE (-: standard input).

    All are checked first: if one is invalid, nothing is imported. Then they are written in short steps, between which
    a running server continues.
    """
    _import(context, asyncio.run(read_import(source)), as_json, replace_all=False, **options)


@model.command()
@file_argument
@dry_run_option
@owner_option
@strict_option
@skip_unknown_option
@former_skip_option
@json_option
@click.pass_obj
def sync(context: CommandContext, /, source: Any, as_json: bool, **options: Any) -> None:
    """Replace all models of the workspace by those in FILE; models that are not in it are deleted.

    All are checked first: if one is invalid, nothing changes. Then they are written in short steps, between which a
    running server continues, and the others are deleted.
    """
    _import(context, asyncio.run(read_import(source)), as_json, replace_all=True, **options)


def _import(
    context: CommandContext,
    document: ImportDocument,
    as_json: bool,
    *,
    dry_run: bool,
    owner: str | None,
    strict: bool,
    skip_unknown_principals: bool,
    replace_all: bool,
) -> None:
    plugin: ModelsPlugin = context.plugin
    started: list[BatchedModelImport] = []
    with progress_bar("Checking" if dry_run else "Importing", 2 * len(document.models)) as bar:

        async def work(app: AppContext) -> ModelImportReport:
            options = ImportOptions(
                actor=await import_actor(app.identity, owner),
                replace_all=replace_all,
                body_path=document.body_path,
                is_strict=strict,
                reports_missing=not skip_unknown_principals,
                keeps_owners=owner is None,
                on_step=bar.update,
            )
            if dry_run:
                model_import = plugin.new_import(options)
                return await model_import.dry_run(document.models, document.templates)
            started.append(plugin.new_batched_import(options))
            return await started[0].run(document.models, document.templates)

        try:
            report = context.run(work)
        except BaseException:
            if started and started[0].found:
                _print_stopped(started[0])
            raise
    _print_report(report, as_json)
    if report.rejected or report.rejected_templates:
        raise SystemExit(1)


def _print_stopped(model_import: BatchedModelImport) -> None:
    """Print how much is done when the import stops before the end."""
    click.echo(
        f"\nStopped: {model_import.done} of {model_import.found} models are imported. "
        "Run the same command again to import the rest; models that are imported do not change.",
        err=True,
    )


def _print_report(report: ModelImportReport, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    counts = {
        name: len(ids)
        for name in ("created", "updated", "unchanged", "deleted", "rejected", "templates")
        if (ids := getattr(report, name)) is not msgspec.UNSET
    }
    for name, count in (counts | {"skipped": report.skipped}).items():
        click.echo(f"{name:<9}  {count}")
    for kind, rejected in (("models", report.rejected), ("templates", report.rejected_templates)):
        for one in rejected or ():
            click.echo(f"{kind}[{one.index}]  {one.id or '-'}: {one.reason}", err=True)
    for kind, notes in (("models", report.notes), ("templates", report.template_notes)):
        for note in notes or ():
            click.echo(f"{kind}[{note.index}]  {note.id or '-'}: {note.note}", err=True)
