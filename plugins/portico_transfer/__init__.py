"""`portico import` and `portico export`: everything of an instance, or of one account, in and out."""

import click

from portico.api import AppContext, PluginInfo, hookimpl
from portico.api.transfer import ImportFormat

PLUGIN = PluginInfo(
    api_version=1,
    summary="Exports of an instance or an account as an archive, and imports of archives and other servers.",
)


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the app context, of which commands need the kinds and formats of all plugins."""
    return app


@hookimpl
def register_import_formats() -> list[ImportFormat]:
    """Return the archives that `portico export` writes."""
    from portico_transfer.archive.archive_format import ArchiveFormat

    return [ArchiveFormat()]


@hookimpl
def register_commands(cli: click.Group, plugin: object) -> None:
    """Add `portico import …` and `portico export`."""
    from portico_transfer.export_command import export
    from portico_transfer.import_command import import_group

    assert isinstance(plugin, AppContext)
    cli.add_command(import_group(plugin))
    cli.add_command(export)
