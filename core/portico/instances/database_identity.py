"""The id of the database, stored in the data directory too, so that an empty database is not mistaken for a new one.

The first account of a new installation becomes its administrator. So an empty database must not silently replace the
one that was used before. A secret key does not prove a former database: it may come from the environment.
"""

import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from portico.db import execute, fetch_one, new_id, now, transaction
from portico.errors import OperatorError

FILE_NAME = "database_id"
_CLAIM = "INSERT INTO portico_database (id, database_id, created_at) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING"
_STORED = "SELECT database_id FROM portico_database WHERE id = 1"
log = structlog.get_logger("portico.instances")


class MissingDatabase(OperatorError):
    """The database is empty, but another one was used before."""


@dataclass(frozen=True)
class DatabaseIdentity:
    """Compares the id in the database with the one in the data directory.

    `must_exist`: refuse every empty database. `accept_new`: accept it, whatever was used before. `has_accounts`: called
    when the tables exist.
    """

    data_dir: Path
    must_exist: bool
    accept_new: bool
    has_accounts: Callable[[], Awaitable[bool]]

    def refuse_empty(self) -> None:
        """Raises: MissingDatabase if an empty database may not be a new installation."""
        if self.accept_new:
            return
        if self._remembered_id():
            raise MissingDatabase(
                f"the database is empty, and {self._file} names another one that was used before. Mount, restore or "
                "configure that one. To start with a new database, where the first account becomes administrator, use "
                "--new-database."
            )
        if self.must_exist:
            raise MissingDatabase(
                "the database is empty, and PORTICO_REQUIRE_EXISTING_DATABASE requires one that was used before. Check "
                "its URL and its volume. To start with a new database, run `portico migrate --new-database` once."
            )

    async def claim(self) -> None:
        """Give the database an id if it has none, and store it in the data directory. Raises: MissingDatabase."""
        stored, remembered = await self._stored(), self._remembered_id()
        if (
            stored != remembered
            and (stored is None or remembered)
            and not await self.has_accounts()
        ):
            self.refuse_empty()
        if stored is None:
            async with transaction():
                await execute(_CLAIM, new_id(), now())
                stored = await self._stored() or ""
        if stored == remembered:
            return
        if remembered:
            log.warning("data directory belonged to another database before")
        self._remember(stored)

    @property
    def _file(self) -> Path:
        return self.data_dir / FILE_NAME

    async def _stored(self) -> str | None:
        found = await fetch_one(_STORED)
        return found["database_id"] if found else None

    def _remembered_id(self) -> str:
        """Return the id in the data directory; empty if there is none. Raises: MissingDatabase if it cannot be read."""
        try:
            return self._file.read_text("ascii", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise MissingDatabase(
                f"{self._file} cannot be read ({error.strerror}), so it is not known which database belongs here"
            ) from error

    def _remember(self, database_id: str) -> None:
        temporary = self._file.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
            ) as file:
                file.write(f"{database_id}\n")
                if (
                    os.geteuid() == 0
                ):  # a command run by root must not make it unreadable for the server
                    owner = self.data_dir.stat()
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            temporary.replace(self._file)
        except OSError as error:
            if not self.must_exist:
                log.warning(
                    "database id not stored; set PORTICO_REQUIRE_EXISTING_DATABASE=true if the data directory is not "
                    "persistent",
                    file=str(self._file),
                    reason=error.strerror,
                )
