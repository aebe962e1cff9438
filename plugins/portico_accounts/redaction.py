"""Removes secrets from the settings of a user before other users see them.

Clients store API keys of model providers, addresses of webhooks and tokens of tool servers there, under names of their
choice. Every value whose name looks like that of a secret is removed.
"""

import re

import msgspec

from portico.api.json import raw_object

_SECRET = re.compile(
    r"key|token|secret|passw|passphrase|credential|auth|webhook|cookie|header|toolservers|connections",
    re.IGNORECASE,
)
_NULL = msgspec.Raw(b"null")
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


def without_secrets(text: str | None) -> msgspec.Raw:
    """Return settings (JSON text) without values named like secrets, at any depth; `null` for invalid JSON."""
    try:
        return _redacted(msgspec.Raw((text or "null").encode()))
    except (msgspec.MsgspecError, RecursionError):
        return _NULL


def _redacted(part: msgspec.Raw) -> msgspec.Raw:
    text = bytes(part).lstrip()
    if b"{" not in text:
        return part  # it contains no names
    if text.startswith(b"{"):
        values = raw_object.split(part)
        public = {name: _redacted(one) for name, one in values.items() if not _SECRET.search(name)}
        return msgspec.Raw(msgspec.json.encode(public))
    if text.startswith(b"["):
        return msgspec.Raw(msgspec.json.encode([_redacted(one) for one in _ARRAY.decode(part)]))
    return part
