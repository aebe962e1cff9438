"""The format of `portico import openwebui`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import click

from portico.api import AppContext, OperatorError
from portico.api.transfer import ImportFormat, ImportSource
from portico_openwebui.databases import open_database
from portico_openwebui.databases.source_url import FORM, has_password, read_source
from portico_openwebui.secret_key import SecretKey
from portico_openwebui.source import OpenWebUISource
from portico_openwebui.upload_directory import UploadDirectory

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_WARNING: Final = (
    "The URL contains a password, which other users of this machine can see while the command runs. Write it into a file, and name "
    "that with --password-file."
)


class OpenWebUIFormat(ImportFormat):
    """Databases of Open WebUI 0.6.30 to 0.12.x."""

    name = "openwebui"
    summary = "Import a database of Open WebUI 0.6.30 to 0.12.x: a SQLite file or PostgreSQL."
    help = (
        f"SOURCE is the file webui.db, or {FORM}. It is only read, and Open WebUI may run meanwhile; what is written there later is taken "
        "when you import again.\n\n"
        "Taken are accounts with the hashes of their passwords, so that people sign in as before, API keys, groups, permissions, models, "
        "chats, folders, tags, shared chats, prompts, memories, files, feedback, and the settings that Portico has, too. The report says "
        "what was not taken, and why."
    )

    def __init__(self, app: AppContext) -> None:
        self._app = app

    @property
    def options(self) -> Sequence[click.Option]:
        """The options of this format."""
        return (
            click.Option(
                ["--files"],
                type=_DIRECTORY,
                help="The folder with the uploaded files: data/uploads of Open WebUI.",
            ),
            click.Option(
                ["--password-file"], type=_FILE, help="A file with the password of the URL."
            ),
            click.Option(
                ["--source-secret-key-file"],
                type=_FILE,
                help="A file with WEBUI_SECRET_KEY of Open WebUI, for what it has encrypted.",
            ),
            click.Option(
                ["--keep-links"],
                is_flag=True,
                help="Keep the links of shared chats that are for some accounts, or for none. Here, all accounts that have a link can "
                "open it.",
            ),
        )

    def open(
        self, source: str, options: Mapping[str, Any]
    ) -> AbstractAsyncContextManager[ImportSource]:
        """Open a database. Raises: OperatorError, which contains no part of a URL but host, port and name."""
        return self._opened(source, options)

    @asynccontextmanager
    async def _opened(
        self, source: str, options: Mapping[str, Any]
    ) -> AsyncIterator[OpenWebUISource]:
        if has_password(source):
            click.echo(_WARNING, err=True)
        password_file = options.get("password_file")
        found = read_source(source, None if password_file is None else _password(password_file))
        key_file = options.get("source_secret_key_file")
        secret_key = None if key_file is None else SecretKey.of_file(key_file)
        uploads = UploadDirectory(options.get("files"))
        shown = str(found) if isinstance(found, Path) else found.shown
        async with open_database(found) as database:
            yield await OpenWebUISource.recognised(
                database,
                shown,
                uploads=uploads,
                setting_names=frozenset(self._app.runtime_settings.keys()),
                kinds={kind.name for kind in self._app.transfer_kinds()},
                secret_key=secret_key,
                keeps_links=bool(options.get("keep_links")),
            )


def _password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read: {type(error).__name__}.") from None
