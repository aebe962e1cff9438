"""One database, one secret key: two instances with different keys would sign people out at every other request."""

from portico.db import execute, fetch_one, transaction
from portico.settings.secret_key import ensure_same_secret, secret_fingerprint
from portico.settings.section import Secret

_CLAIM = "INSERT INTO portico_secret (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
_REPLACE = (
    "INSERT INTO portico_secret (id, fingerprint) VALUES (1, $1) "
    "ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint"
)
_STORED = "SELECT fingerprint FROM portico_secret WHERE id = 1"


async def stored_fingerprint() -> str | None:
    """The fingerprint of the key that this database is used with, None before its first use."""
    found = await fetch_one(_STORED)
    return found["fingerprint"] if found else None


async def check_secret_key(secret: Secret) -> None:
    """Use the database with this key. Raises: SecretKeyMismatch if it is used with another one."""
    stored = await stored_fingerprint()
    if stored is None:
        async with transaction():
            await execute(_CLAIM, secret_fingerprint(secret))
            stored = await stored_fingerprint()
    ensure_same_secret(stored or "", secret)


async def replace_secret_key(secret: Secret) -> None:
    """From now on this is the key. Whoever is signed in under the old one has to sign in again."""
    await execute(_REPLACE, secret_fingerprint(secret))
