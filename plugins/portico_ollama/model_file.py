"""Files of models on their way to an Ollama server: kept in a temporary file, with the digest that the server asks for."""

import asyncio
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from typing import BinaryIO, Final

import multipart

from portico.api import InvalidRequest

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
    kind, options = multipart.parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise InvalidRequest(NO_FILE)
    parser = multipart.PushMultipartParser(boundary, max_segment_count=16)
    segment: multipart.MultipartSegment | None = None
    try:
        async for block in body:
            for event in parser.parse(block):
                if isinstance(event, multipart.MultipartSegment):
                    segment = event if event.filename and not file.name else None
                    file.name = segment.filename if segment else file.name
                elif event and segment is not None:
                    await file.write(bytes(event))
        parser.close()
    except multipart.MultipartError:
        raise InvalidRequest(NO_FILE) from None
    if not file.name:
        raise InvalidRequest(NO_FILE)
