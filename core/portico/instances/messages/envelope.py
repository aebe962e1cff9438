"""Signs messages between instances. A valid one cannot be written without the secret key of the installation."""

import binascii
import hashlib
import hmac

import msgspec

from portico.settings.section import Secret

#: Derives the signing key of the channel from the secret key.
CHANNEL_PURPOSE = b"portico messages between instances"
_MAC_BYTES = 32
#: Seconds by which the clocks of two instances may differ. Older messages are rejected.
MAX_AGE_SECONDS = 300
#: Messages of one sender that may arrive out of order.
WINDOW = 4096
#: Senders that are remembered: each start of a process is a new one.
MAX_SENDERS = 1024


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """A message. `number`: counts the messages of its sender. `sent_at`: epoch seconds. `traceparent`: empty = no trace."""

    sender: str
    number: int
    sent_at: int
    topic: str
    payload: bytes
    traceparent: str = ""


class Signer:
    """Turns envelopes into signed texts, and back. `purpose`: those of another purpose are not accepted."""

    def __init__(self, secret: Secret, purpose: bytes = CHANNEL_PURPOSE) -> None:
        material = secret.reveal().encode("utf-8", "surrogatepass")
        self._key = hmac.new(material, purpose, hashlib.sha256).digest()

    def seal(self, envelope: Envelope) -> str:
        """Return the envelope as one line of text, with its signature."""
        body = msgspec.msgpack.encode(envelope)
        return binascii.b2a_base64(self._mac(body) + body, newline=False).decode()

    def open(self, text: str) -> Envelope | None:
        """Return the envelope of a text; None if its signature is not valid."""
        try:
            content = binascii.a2b_base64(text, strict_mode=True)
        except (binascii.Error, ValueError):
            return None
        mac, body = content[:_MAC_BYTES], content[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body)):
            return None
        try:
            return msgspec.msgpack.decode(body, type=Envelope)
        except msgspec.MsgspecError:  # of another release
            return None

    def _mac(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, key=self._key, digest_size=_MAC_BYTES).digest()


def is_recent(envelope: Envelope, now: int) -> bool:
    """Return whether a message was sent about now. An older one may have been sent again."""
    return abs(now - envelope.sent_at) <= MAX_AGE_SECONDS


class ReplayGuard:
    """Accepts each message once: Redis and the database may both deliver it, and a valid text may be sent again."""

    def __init__(self) -> None:
        self._senders: dict[str, tuple[int, set[int]]] = {}

    def accept(self, envelope: Envelope) -> bool:
        """Return whether the message is new."""
        highest, numbers = self._senders.pop(envelope.sender, (0, set()))
        while len(self._senders) >= MAX_SENDERS:
            del self._senders[next(iter(self._senders))]
        number = envelope.number
        is_new = number > highest - WINDOW and number not in numbers
        if is_new:
            numbers.add(number)
        highest = max(highest, number) if is_new else highest
        if len(numbers) > 2 * WINDOW:
            numbers = {one for one in numbers if one > highest - WINDOW}
        self._senders[envelope.sender] = (highest, numbers)
        return is_new
