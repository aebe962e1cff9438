"""A request that is forwarded, as signed text. It has only what the owner needs: no cookies, no tokens, no addresses of pages."""

import re
from typing import Final, Literal

import msgspec

from portico.db import now
from portico.instances.messages.envelope import Envelope, ReplayGuard, Signer, is_recent
from portico.settings.section import Secret

_PURPOSE: Final = b"portico requests forwarded between instances"
#: The path at which instances take forwarded requests of other machines, and the header with the signed text.
FORWARDED_PATH: Final = "/ws/instances"
SEALED_HEADER: Final = "x-portico-forwarded"
#: Bytes of the signed text.
MAX_SEALED_BYTES: Final = 2048
_ENGINE_ID: Final = re.compile(r"([0-9a-f-]{36})\.[A-Za-z0-9_=-]{8,64}")


def engine_id(instance_id: str, random_part: str) -> str:
    """Return the Engine.IO id of a new connection, from which its owner can be read."""
    return f"{instance_id}.{random_part}"


def owner_of(key: str) -> str:
    """Return the id of the instance that owns a connection; empty if the Engine.IO id has another form."""
    found = _ENGINE_ID.fullmatch(key)
    return found[1] if found else ""


class ForwardedRequest(msgspec.Struct, frozen=True, array_like=True):
    """A request or web socket handshake. `key`: the Engine.IO id. `client`: the address, as trusted proxies report it.

    `traceparent`: of the request; empty = it has no trace.
    """

    type: Literal["http", "websocket"]
    method: str
    key: str
    client: str
    request_id: bytes
    traceparent: str = ""


class RequestSigner:
    """Seals requests for one instance, and opens those that are for this one, each once."""

    def __init__(self, instance_id: str, secret: Secret) -> None:
        self._instance_id = instance_id
        self._signer = Signer(secret, _PURPOSE)
        self._guard = ReplayGuard()
        self._number = 0

    def seal(self, request: ForwardedRequest, owner: str) -> str:
        """Return the request as signed text for the instance with the id `owner`."""
        self._number += 1
        payload = msgspec.msgpack.encode(request)
        return self._signer.seal(Envelope(self._instance_id, self._number, now(), owner, payload))

    def owner_of(self, sealed: str) -> str | None:
        """Return the id of the instance that a request is for; None if it is forged or of another time."""
        envelope = self._signer.open(sealed)
        return envelope.topic if envelope is not None and is_recent(envelope, now()) else None

    def open(self, sealed: str) -> ForwardedRequest | None:
        """Return the request; None if it is forged, of another time, for another instance, or was opened before."""
        envelope = self._signer.open(sealed)
        if (
            envelope is None
            or envelope.topic != self._instance_id
            or not is_recent(envelope, now())
            or not self._guard.accept(envelope)
        ):
            return None
        try:
            return msgspec.msgpack.decode(envelope.payload, type=ForwardedRequest)
        except msgspec.MsgspecError:  # of another release
            return None
