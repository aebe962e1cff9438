"""Files of models on their way to an Ollama server: kept in a temporary file, with the digest that the server asks for."""

import asyncio
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from typing import BinaryIO, Final

from portico.api import InvalidRequest
from portico.api.forms import FormPart, read_form_parts

#: Bytes after which what has arrived is written to the file.
WRITE_BYTES: Final = 1024 * 1024
NO_FILE: Final = "The form has no file."

_NOT_OF_NAMES = re.compile(r"[^a-z0-9._-]+")


class ModelFile:
    """A temporary file; a context manager. `size`: bytes. `name`: of the file where it comes from."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._digest = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.size = 0
        self.name = ""

    def __enter__(self) -> "ModelFile":
        self._file: BinaryIO = tempfile.TemporaryFile(dir=self._directory)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def digest(self) -> str:
        """The digest of the file, as Ollama names it."""
        return f"sha256:{self._digest.hexdigest()}"

    @property
    def model(self) -> str:
        """The name of a model that is made of the file."""
        stem = self.name.rpartition(".")[0] or self.name
        return _NOT_OF_NAMES.sub("-", stem.lower()).strip("-.") or "model"

    async def write(self, block: bytes) -> None:
        """Append a block; the disk is written in a thread."""
        self.size += len(block)
        self._waiting.append(block)
        self._waiting_bytes += len(block)
        if self._waiting_bytes >= WRITE_BYTES:
            await self._flush()

    async def opened(self) -> BinaryIO:
        """Return the file from its beginning. The reader may close it."""
        await self._flush()
        self._file.seek(0)
        return self._file

    async def _flush(self) -> None:
        data = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)


async def read_form(content_type: str, body: AsyncIterator[bytes], file: ModelFile) -> None:
    """Write the first file of a multipart form to `file`. Raises: InvalidRequest if there is none."""
    is_wanted = False
    async for part in read_form_parts(content_type, body, NO_FILE):
        if isinstance(part, FormPart):
            is_wanted = bool(part.filename) and not file.name
            file.name = part.filename if is_wanted else file.name
        elif is_wanted:
            await file.write(part)
    if not file.name:
        raise InvalidRequest(NO_FILE)
