"""`portico models …`: taking models from one house to another, for whoever sits at the server."""

import asyncio
import json
import sys
from typing import Any, Final

import click
import msgspec

from portico.api import Actor, AppContext, CommandContext, NotFound, json_array_stream
from portico_models.templates.service import Templates
from portico_models.transfer.exporter import ModelExport
from portico_models.transfer.format import ImportDocument, read_import, with_templates
from portico_models.transfer.importer import ModelImport
from portico_models.transfer.writer import ImportReport

#: What `list --json` tells of each model.
LISTED: Final = (
    *("id", "name", "base_model_id", "user_id", "is_active"),
    *("updated_at", "created_at"),
)

source = click.argument("source", metavar="FILE", type=click.File("rb"))
owner = click.option(
    "--owner",
    metavar="EMAIL",
    help="Whose new models are, and whose rights count. Default: their own owners where these are here, "
    "else the first administrator.",
)
rehearsal = click.option("--dry-run", is_flag=True, help="Change nothing; say what would happen.")
strict = click.option(
    "--strict",
    is_flag=True,
    help="Refuse users and groups that are not here, and rights that cannot be taken over. "
    "Default: access is narrowed, and the report says so.",
)
unknown = click.option(
    "--drop-unknown",
    is_flag=True,
    help="Leave users and groups that do not exist here out of who has access, and write no note.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")


@click.group()
def models() -> None:
    """List models, take them to another house, bring them in."""


@models.command("list")
@as_json
@click.pass_obj
def list_models(key: CommandContext, as_json: bool) -> None:
    """List every model of the workspace, oldest first. `-` = it is off."""

    async def look(app: AppContext) -> list[dict[str, Any]]:
        return [
            {name: getattr(one, name) for name in LISTED}
            async for block in ModelExport(app).everything()
            for one in block
        ]

    found = key.run(look)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("There is no model yet; `portico models import FILE` brings some in.")
    for one in found:
        stands_on = f" on {one['base_model_id']}" if one["base_model_id"] else ""
        click.echo(f"{' ' if one['is_active'] else '-'} {one['id']}{stands_on}  {one['name']}")


@models.command()
@click.argument("target", metavar="[FILE]", type=click.Path(dir_okay=False), default="-")
@click.option("--all", "is_all", is_flag=True, help="Overrides too, as `sync` wants it.")
@click.option("--templates", "with_them", is_flag=True, help="Templates too.")
@click.pass_obj
def export(key: CommandContext, target: str, is_all: bool, with_them: bool) -> None:
    """Write all presets as JSON to FILE (default, or -: standard output)."""

    async def work(app: AppContext) -> None:
        export = ModelExport(app)
        blocks = export.everything() if is_all else export.all_presets()
        with (
            click.open_file(target, "wb", atomic=target != "-") as file,
            _progress("Exporting", await export.count(presets_only=not is_all)) as bar,
        ):

            async def counted() -> Any:
                async for block in blocks:
                    yield block
                    bar.update(len(block))

            parts = json_array_stream(counted())
            if with_them:
                first = await _on_behalf(app, None)
                parts = with_templates(parts, await app.services.require(Templates).export(first))
            async for part in parts:
                file.write(part)
            file.write(b"\n")

    key.run(work)


@models.command("import")
@source
@rehearsal
@owner
@strict
@unknown
@as_json
@click.pass_obj
def import_(key: CommandContext, /, source: Any, as_json: bool, **options: Any) -> None:
    """Bring in what FILE holds (- = standard input): all of it, or nothing."""
    _bring(key, asyncio.run(read_import(source)), as_json, replace_all=False, **options)


@models.command()
@source
@rehearsal
@owner
@strict
@unknown
@as_json
@click.pass_obj
def sync(key: CommandContext, /, source: Any, as_json: bool, **options: Any) -> None:
    """Make the workspace as FILE says: what is not in it is deleted."""
    _bring(key, asyncio.run(read_import(source)), as_json, replace_all=True, **options)


def _bring(
    key: CommandContext,
    sent: ImportDocument,
    as_json: bool,
    *,
    dry_run: bool,
    owner: str | None,
    strict: bool,
    drop_unknown: bool,
    replace_all: bool,
) -> None:
    with _progress("Looking" if dry_run else "Importing", 2 * len(sent.models)) as bar:

        async def work(app: AppContext) -> ImportReport:
            actor = await _on_behalf(app, owner)
            transfer = ModelImport(
                app,
                actor,
                replace_all=replace_all,
                under=sent.body_path,
                is_strict=strict,
                tells_missing=not drop_unknown,
                keeps_owners=owner is None,
                on_step=bar.update,
            )
            bring = transfer.rehearse if dry_run else transfer.run
            return await bring(sent.models, sent.templates)

        report = key.run(work)
    _say(report, as_json)
    if report.refused or report.refused_templates:
        raise SystemExit(1)


async def _on_behalf(app: AppContext, email: str | None) -> Actor:
    """Whoever new models are to belong to. Raises: NotFound."""
    accounts = app.identity.accounts
    if email is not None:
        account = await accounts.by_email(email)
        if account is None:
            raise NotFound(f"Nobody is {email}; `portico user list` shows who there is.")
    else:
        first = await accounts.first_admin_id()
        if first is None:
            raise NotFound("There is no administrator yet; say whose the models are with --owner.")
        account = await accounts.by_id(first)
    return Actor(
        account.id, account.email, account.name, account.role, account.profile_image_url, ""
    )


def _progress(label: str, length: int) -> Any:
    """On standard error, so that it is never among what is printed."""
    return click.progressbar(length=length, label=label, file=sys.stderr)


def _say(report: ImportReport, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        return
    counts = {
        name: len(ids)
        for name in ("created", "updated", "unchanged", "deleted", "refused", "templates")
        if (ids := getattr(report, name)) is not msgspec.UNSET
    }
    for name, count in (counts | {"skipped": report.skipped}).items():
        click.echo(f"{name:<9}  {count}")
    for what, refused in (("models", report.refused), ("templates", report.refused_templates)):
        for one in refused or ():
            click.echo(f"{what}[{one.index}]  {one.id or '-'}: {one.reason}", err=True)
    for what, notes in (("models", report.notes), ("templates", report.template_notes)):
        for note in notes or ():
            click.echo(f"{what}[{note.index}]  {note.id or '-'}: {note.note}", err=True)
