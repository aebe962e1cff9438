"""The secrets that sign what is sent, one for each webhook, encrypted at rest."""

from typing import NamedTuple

import msgspec
import structlog

from portico.api import NotFound
from portico.api.db import (
    DecryptionError,
    Encryptor,
    ForeignKeyViolation,
    execute,
    fetch_one,
    now,
)
from portico_webhooks.signature import new_secret
from portico_webhooks.tables import SECRET

_FIND = "SELECT secret FROM webhooks_secret WHERE id = $1"
_SET = (
    "INSERT INTO webhooks_secret (id, user_id, secret, created_at) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at"
)
# Of two deliveries that make the first secret at once, one does.
_SET_INSTEAD = _SET + " WHERE webhooks_secret.secret = $5"
log = structlog.get_logger("portico.webhooks")


class Webhook(NamedTuple):
    """An address that is told of something. `user_id`: the account whose webhook it is; None = the administrators'."""

    url: str
    user_id: str | None = None

    @property
    def id(self) -> str:
        """What its secret is stored under."""
        return self.user_id or "administrators"


class AddressedSecret(msgspec.Struct, frozen=True):
    """A secret and the address that it is for: who receives at another address must not be able to sign for it."""

    url: str
    secret: str


class SigningSecrets:
    """Makes, finds and replaces secrets."""

    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    async def of(self, webhook: Webhook) -> str:
        """Return the secret of a webhook; make one if there is none for this address.

        Raises: NotFound if there is no such account any more.
        """
        while True:
            row = await fetch_one(_FIND, webhook.id)
            stored = str(row["secret"]) if row else ""
            known = self._decrypted(webhook, stored) if stored else None
            if known is not None and known.url == webhook.url:
                return known.secret
            _, values = self._new(webhook)
            await _store(_SET_INSTEAD, *values, stored)

    async def replace(self, webhook: Webhook) -> str:
        """Make another secret, and return it. The former one signs nothing any more. Raises: NotFound as `of`."""
        secret, values = self._new(webhook)
        await _store(_SET, *values)
        return secret

    def _new(self, webhook: Webhook) -> tuple[str, tuple[object, ...]]:
        """Return a new secret, and the values of its row."""
        secret = new_secret()
        text = msgspec.json.encode(AddressedSecret(webhook.url, secret)).decode()
        encrypted = self._encryptor.encrypt(text, SECRET.context_for(webhook.id))
        return secret, (webhook.id, webhook.user_id, encrypted, now())

    def _decrypted(self, webhook: Webhook, stored: str) -> AddressedSecret | None:
        """Return a stored secret; None if it cannot be read any more, so that another one replaces it."""
        try:
            text = self._encryptor.decrypt(stored, SECRET.context_for(webhook.id))
        except DecryptionError as error:
            log.warning("secret of a webhook replaced", webhook=webhook.id, why=str(error))
            return None
        return msgspec.json.decode(text, type=AddressedSecret)


async def _store(sql: str, *values: object) -> None:
    try:
        await execute(sql, *values)
    except ForeignKeyViolation:  # the account was deleted in the meantime
        raise NotFound from None
