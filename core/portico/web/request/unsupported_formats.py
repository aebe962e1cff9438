"""Detects common formats other than UTF-8 JSON, so that errors can say what to do."""

from typing import Final

_SIGNATURES: Final = (
    (b"\xff\xfe", "it is UTF-16 or UTF-32; save it as UTF-8"),
    (b"\xfe\xff", "it is UTF-16; save it as UTF-8"),
    (b"\x00\x00\xfe\xff", "it is UTF-32; save it as UTF-8"),
    (b"\x1f\x8b", "it is compressed with gzip; unpack it first"),
    (b"PK\x03\x04", "it is a ZIP archive; unpack it and take the JSON file in it"),
    (b"SQLite format 3\x00", "it is a SQLite database, not an export from one"),
    (b"<", "it is HTML or XML, not JSON"),
)


def detect_format(head: bytes) -> str | None:
    """Return a sentence that names the format of data that begins like this; None if it may be UTF-8 JSON."""
    for signature, reason in _SIGNATURES:
        if head.startswith(signature):
            return reason
    if b"\x00" in head[:4]:
        return "it is UTF-16 or UTF-32; save it as UTF-8"
    return None
