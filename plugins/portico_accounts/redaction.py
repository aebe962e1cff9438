"""What of somebody's settings others may see: all but the keys to other people's houses.

Clients keep keys of model providers, addresses of webhooks and tokens of tool servers in there. Which words they
use for them is theirs to choose, so whatever is called like a secret is taken for one.
"""

import re

import msgspec

_SECRET = re.compile(
    r"key|token|secret|passw|passphrase|credential|auth|webhook|cookie|header|toolservers|connections",
    re.IGNORECASE,
)
_NOTHING = msgspec.Raw(b"null")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


def without_secrets(text: str | None) -> msgspec.Raw:
    """Settings (JSON text) without what is called like a secret, at any depth; `null` for a text that is damaged."""
    try:
        return _cleaned(msgspec.Raw((text or "null").encode()))
    except (msgspec.MsgspecError, RecursionError):
        return _NOTHING


def _cleaned(part: msgspec.Raw) -> msgspec.Raw:
    found = bytes(part).lstrip()
    if b"{" not in found:
        return part  # there are no names in it
    if found.startswith(b"{"):
        named = _OBJECT.decode(part)
        kept = {name: _cleaned(one) for name, one in named.items() if not _SECRET.search(name)}
        return msgspec.Raw(msgspec.json.encode(kept))
    if found.startswith(b"["):
        return msgspec.Raw(msgspec.json.encode([_cleaned(one) for one in _ARRAY.decode(part)]))
    return part
