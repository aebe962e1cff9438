"""Media types of files by their names. The same on every machine, unlike those of `mimetypes`, which reads the host's."""

from pathlib import PurePosixPath
from typing import Final

_OCTETS: Final = "application/octet-stream"
_TEXT: Final = {
    "css": "text/css",
    "csv": "text/csv",
    "htm": "text/html",
    "html": "text/html",
    "js": "text/javascript",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "txt": "text/plain",
}
_MEDIA_TYPES: Final = {
    **{name: f"{kind}; charset=utf-8" for name, kind in _TEXT.items()},
    "avif": "image/avif",
    "gif": "image/gif",
    "ico": "image/x-icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "map": "application/json",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml",
    "zip": "application/zip",
}
#: Names of types that are compressed; the others are compressed formats themselves.
_COMPRESSIBLE: Final = frozenset(
    (*_TEXT, "ico", "json", "map", "otf", "svg", "ttf", "wasm", "webmanifest", "xml")
)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix[1:].lower()


def media_type(name: str) -> str:
    """Return the value of `Content-Type` for a file of this name."""
    return _MEDIA_TYPES.get(_suffix(name), _OCTETS)


def is_compressible(name: str) -> bool:
    """Return whether a file of this name becomes smaller by compression."""
    return _suffix(name) in _COMPRESSIBLE
