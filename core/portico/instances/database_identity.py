"""Which database belongs to this data directory, so that an empty one in its place is not taken for a new installation.

The first account of a new installation becomes its administrator. So a database that was there and is gone must not be
replaced by an empty one without a word. A secret key is no sign of a former database: it may come from the environment.
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
    """The database that was used before is not there; an empty one is in its place."""


@dataclass(frozen=True)
class DatabaseIdentity:
    """The id in the database, and the same in the data directory.

    `must_exist`: an empty database is never a new installation. `accept_new`: it is one, whatever was there before.
    `anybody`: whether there is an account; asked when the tables are there.
    """

    data_dir: Path
    must_exist: bool
    accept_new: bool
    anybody: Callable[[], Awaitable[bool]]

    def refuse_empty(self) -> None:
        """Raises: MissingDatabase if an empty database may not be a new installation."""
        if self.accept_new:
            return
        if self._remembered():
            raise MissingDatabase(
                f"the database is empty, and {self._file} names another one that was used before: mount, restore or "
                "name that one. To begin anew, where the first visitor becomes administrator, start with --new-database."
            )
        if self.must_exist:
            raise MissingDatabase(
                "the database is empty, and PORTICO_REQUIRE_EXISTING_DATABASE asks for one that was used before: check "
                "its address and its volume. To begin anew, run `portico migrate --new-database` once."
            )

    async def claim(self) -> None:
        """Give the database an id if it has none, and remember it. Raises: MissingDatabase."""
        stored, remembered = await self._stored(), self._remembered()
        if stored != remembered and (stored is None or remembered) and not await self.anybody():
            self.refuse_empty()
        if stored is None:
            async with transaction():
                await execute(_CLAIM, new_id(), now())
                stored = await self._stored() or ""
        if stored == remembered:
            return
        if remembered:
            log.warning("the data directory was used with another database before")
        self._remember(stored)

    @property
    def _file(self) -> Path:
        return self.data_dir / FILE_NAME

    async def _stored(self) -> str | None:
        found = await fetch_one(_STORED)
        return found["database_id"] if found else None

    def _remembered(self) -> str:
        """The id in the data directory; empty if there is none. Raises: MissingDatabase if nobody can tell."""
        try:
            return self._file.read_text("ascii", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise MissingDatabase(
                f"{self._file} cannot be read ({error.strerror}), so it is not known which database belongs here"
            ) from error

    def _remember(self, database_id: str) -> None:
        draft = self._file.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
            ) as file:
                file.write(f"{database_id}\n")
                if os.geteuid() == 0:  # a command of root's must not lock the server out
                    owner = self.data_dir.stat()
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            draft.replace(self._file)
        except OSError as error:
            if not self.must_exist:
                log.warning(
                    "the id of the database could not be kept; set PORTICO_REQUIRE_EXISTING_DATABASE=true where the "
                    "data directory does not last",
                    file=str(self._file),
                    why=error.strerror,
                )
