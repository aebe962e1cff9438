"""`portico file check`: whether the store and the database fit together."""

import click

from portico.api import AppContext, CommandContext
from portico.api.audit import record_change
from portico.api.cli import json_option, print_json
from portico_files.components import FilesPlugin
from portico_files.store_check import StoreReport, check_store


@click.group()
def file() -> None:
    """Check the contents of files."""


@file.command("check")
@click.option("--repair", is_flag=True, help="Delete contents that belong to no file.")
@json_option
@click.pass_obj
def check_files(context: CommandContext, /, *, repair: bool, as_json: bool) -> None:
    """Find files without content, and contents without a file, such as after a backup was restored.

    Exits with 1 if there are any. Files without content are only listed: put their contents back, or delete them over
    the API.
    """
    plugin: FilesPlugin = context.plugin

    async def check(_: AppContext) -> StoreReport:
        await plugin.store.start()
        found = await check_store(plugin.store)
        if repair and found.objects_without_file:
            count = len(found.objects_without_file)
            await record_change("file.loose_objects_deleted", "file", "", None, {"objects": count})
        for key in found.objects_without_file if repair else ():
            await plugin.store.delete(key)
        return found

    found = context.run(check)
    if as_json:
        print_json(found)
    else:
        for file_id in found.files_without_content:
            click.echo(f"file without content: {file_id}")
        for key in found.objects_without_file:
            click.echo(f"content without a file{', deleted' if repair else ''}: {key}")
        click.echo(f"{found.files} files checked.")
    is_left = found.files_without_content or (found.objects_without_file and not repair)
    raise SystemExit(1 if is_left else 0)
