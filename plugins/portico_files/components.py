"""The objects of this plugin, built once per application."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from portico.api import AppContext
from portico_files.chat_files import ChatFiles
from portico_files.context.model_filter import FilesFilter
from portico_files.loose_objects import LooseObjects
from portico_files.service import Files
from portico_files.settings import FilesSettings
from portico_files.stores import FileStore
from portico_files.stores.local import THREADS, LocalStore
from portico_files.stores.s3 import S3Store
from portico_files.transfer import FileTransfer
from portico_files.uploads import Uploads
from portico_files.web_pages import WebPages


class FilesPlugin:
    """The services behind the routes, and the store."""

    def __init__(self, app: AppContext, settings: FilesSettings) -> None:
        self.runtime = app.runtime_settings.section(FilesSettings)
        self._threads = ThreadPoolExecutor(THREADS, "files")
        self.store = _store(app, settings, self._threads)
        self.loose = LooseObjects(app, self.store)
        self.files = Files(app, self.store, self.loose)
        self.chat_files = ChatFiles(app, settings, self.files)
        self.filter = FilesFilter(app, self.files, self.chat_files)
        self.uploads = Uploads(app, settings, self.store, self.loose, self._threads)
        self.transfer = FileTransfer(self.store, self._threads)
        self.web_pages = WebPages(app, self.uploads, self._threads)

    async def start(self) -> None:
        """Open the store, and delete what is left of lost uploads. Raises: OperatorError."""
        await self.store.start()
        await self.loose.start()
        self.chat_files.start()

    async def stop(self) -> None:
        """Stop the background task and close the store."""
        await self.chat_files.stop()
        await self.loose.stop()
        await self.store.close()
        self._threads.shutdown(wait=False)


def _store(app: AppContext, settings: FilesSettings, threads: ThreadPoolExecutor) -> FileStore:
    if settings.store == "s3":
        return S3Store(settings, str(app.settings.data_dir))
    directory = settings.directory or Path(app.settings.data_dir) / "files"
    return LocalStore(Path(directory), threads, is_chosen=bool(settings.directory))
