"""What a file contains: found out from its content while it arrives, not from what its client says."""

import codecs
from mimetypes import MimeTypes
from typing import Final

from portico.api import InvalidRequest
from portico_files.names import extension_of

BINARY: Final = "application/octet-stream"
PLAIN_TEXT: Final = "text/plain"
#: Images that browsers show and models read.
IMAGES: Final = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
NOT_AN_IMAGE: Final = "[ERROR: The content of this file is not the image that its name promises]"

_HEAD_BYTES: Final = 16
_PDF: Final = b"%PDF-"
_ZIP: Final = "application/zip"
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (_PDF, "application/pdf"),
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", _ZIP),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_IMAGE_EXTENSIONS: Final = frozenset(("png", "jpg", "jpeg", "gif", "webp"))
#: Formats that are ZIP archives, by the ending of the name.
_ARCHIVES: Final = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "epub": "application/epub+zip",
}
_TEXTS: Final = {"md": "text/markdown", "csv": "text/csv", "json": "application/json"}


class ContentInspector:
    """Takes a file block by block. `is_text`: whether everything so far is UTF-8 without NUL.

    Its methods take a millisecond for each MiB; call them in a thread.
    """

    def __init__(self) -> None:
        self._head = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.is_text = True

    def feed(self, block: bytes) -> None:
        """Look at the next block."""
        if len(self._head) < _HEAD_BYTES:
            self._head += block[: _HEAD_BYTES - len(self._head)]
        if self.is_text:
            self._check_text(block, final=False)

    def close(self, name: str) -> str:
        """Return the content type of the whole file. Raises: InvalidRequest for an image by name that is none."""
        if self.is_text:
            self._check_text(b"", final=True)
        found = self._signature()
        extension = extension_of(name)
        if extension in _IMAGE_EXTENSIONS and found not in IMAGES:
            raise InvalidRequest(NOT_AN_IMAGE)
        if self.is_text and not self._head.startswith(_PDF):
            return _text_type(extension)
        self.is_text = False
        return _ARCHIVES.get(extension, found) if found == _ZIP else found or BINARY

    def _check_text(self, block: bytes, *, final: bool) -> None:
        try:
            self._decoder.decode(block, final)
        except UnicodeDecodeError:
            self.is_text = False
            return
        self.is_text = b"\x00" not in block

    def _signature(self) -> str | None:
        if self._head.startswith(b"RIFF"):
            return _RIFF.get(self._head[8:12])
        return next((kind for mark, kind in _SIGNATURES if self._head.startswith(mark)), None)


def _text_type(extension: str) -> str:
    if extension in _TEXTS:
        return _TEXTS[extension]
    # Only the types that Python knows by itself: those of the system differ from machine to machine.
    guessed, encoding = MimeTypes(filenames=()).guess_type(f"name.{extension}")
    if guessed is None or encoding is not None:
        return PLAIN_TEXT
    is_text = guessed.startswith("text/") or guessed.endswith(("xml", "json", "javascript"))
    return guessed if is_text else PLAIN_TEXT
