"""The objects of this plugin, built once per application."""

from portico.api import AppContext
from portico_folders.lookup import StoredFolderLookup
from portico_folders.service import FolderService
from portico_folders.settings import FoldersSettings


class FoldersPlugin:
    """`folders`: the service behind the routes. `lookup`: what other plugins use."""

    def __init__(self, app: AppContext, settings: FoldersSettings) -> None:
        self.folders = FolderService(app, settings)
        self.lookup = StoredFolderLookup(app, settings)
