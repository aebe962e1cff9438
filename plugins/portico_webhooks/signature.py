"""Signatures of webhooks as Standard Webhooks defines them. Source: https://www.standardwebhooks.com, specification 1.0."""

import hmac
import secrets
from base64 import b64decode, b64encode

#: What a secret begins with; the rest is base64.
PREFIX = "whsec_"
#: The specification asks for 24 to 64.
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a random secret, as receivers and the libraries for them expect it."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers with which a receiver checks who has sent a body, and when.

    `timestamp`: epoch seconds of this try. `message_id`: the same for all tries, so that a receiver can recognise a message
    that it has got already.
    """
    key = b64decode(secret.removeprefix(PREFIX))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }
