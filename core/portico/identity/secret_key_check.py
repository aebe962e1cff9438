"""Check that all instances of a database use the same secret key: tokens of another key would be rejected."""

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
    """Return the fingerprint of the secret key of this database, None before its first use."""
    row = await fetch_one(_STORED)
    return row["fingerprint"] if row else None


async def check_secret_key(secret: Secret) -> None:
    """Store the fingerprint of this key if there is none. Raises: SecretKeyMismatch if another one is stored."""
    stored = await stored_fingerprint()
    if stored is None:
        async with transaction():
            await execute(_CLAIM, secret_fingerprint(secret))
            stored = await stored_fingerprint()
    ensure_same_secret(stored or "", secret)


async def replace_secret_key(secret: Secret) -> None:
    """Store this key as the one of the database. Sessions of the old key become invalid."""
    await execute(_REPLACE, secret_fingerprint(secret))
