"""Export and import of API keys. Exports have digests only; keys that are imported in clear are stored as ours are."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest
from portico.api.auth import EpochSeconds
from portico.api.db import chunks, execute, fetch_all, fetch_one, new_id, placeholders, transaction
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    imported,
    rejected,
    skipped,
    unchanged,
)
from portico_api_keys import store
from portico_api_keys.api_key import SHOWN_CHARS, ApiKey, digest_of, is_digest, is_key
from portico_api_keys.restrictions import checked_endpoints, checked_scopes
from portico_api_keys.tables import ENCRYPTION_CONTEXT

MAX_NAME_CHARS: Final = 256
#: Keys of one block.
BLOCK: Final = 500
_PAGE: Final = (
    "SELECT id, account_id AS user_id, name, prefix, digest AS key_hash, endpoints, scopes, enabled, created_at, expires_at, "
    "last_used_at FROM api_keys_key WHERE id > $1 ORDER BY id LIMIT $2"
)
_FOUND: Final = "SELECT id, digest, account_id FROM api_keys_key WHERE id IN ({}) OR digest IN ({})"
_ADMINS: Final = "SELECT id FROM portico_account WHERE role = 'admin' AND id IN ({})"
_SHOWN: Final = (
    "SELECT account_id FROM api_keys_key WHERE encrypted_key IS NOT NULL AND account_id IN ({})"
)
_SET_STATE: Final = "UPDATE api_keys_key SET enabled = $2, last_used_at = $3 WHERE id = $1"
_OWNER_EXISTS: Final = "SELECT 1 FROM portico_account WHERE id = $1"

ADMIN_HERE: Final = (
    "its user is an administrator here; --keep-admins takes the keys of administrators"
)
OF_ANOTHER: Final = "another account here has this key"


class ApiKeyRecord(msgspec.Struct, kw_only=True):
    """A key. `key`: in clear, as Open WebUI has it; or `key_hash`: its SHA-256 digest, in lower-case hexadecimal.

    `id`: empty = a new one. `prefix`: its first characters, which lists show.
    """

    user_id: str
    id: str = ""
    key: str | None = None
    key_hash: str | None = None
    prefix: str = ""
    name: str = ""
    endpoints: list[str] | None = None
    scopes: list[str] | None = None
    enabled: bool = True
    created_at: EpochSeconds
    expires_at: EpochSeconds | None = None
    last_used_at: EpochSeconds | None = None

    @property
    def digest(self) -> str:
        """The digest under which it is stored."""
        return digest_of(self.key) if self.key else self.key_hash or ""

    @property
    def record_id(self) -> str:
        """What a report names it by: never the key."""
        return self.id or self.digest[:16] or "?"


class ApiKeyTransfer(TransferKind):
    """API keys. Those of an export for one account are left out: they are credentials."""

    name = "api_keys"
    after = ("accounts",)

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._reader = RecordReader(ApiKeyRecord, "record_id")

    async def count(self, scope: ExportScope) -> int:
        """Return the number of keys."""
        found = await fetch_one("SELECT COUNT(*) AS n FROM api_keys_key")
        return int(found["n"]) if found and scope.is_whole else 0

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield all keys by id, with their digests; nothing for one account."""
        last = ""
        while scope.is_whole and (rows := await fetch_all(_PAGE, last, BLOCK)):
            last = rows[-1]["id"]
            yield [_encoded(row) for row in rows]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import keys in one transaction."""
        read, outcomes = self._reader.read(records)
        wanted = [record for _, record in read]
        owners = sorted({here for one in wanted if (here := run.accounts.get(one.user_id))})
        async with transaction():
            existing = await _existing(wanted)
            admins = set() if run.choices.keep_admins else await _accounts(_ADMINS, owners)
            shown = await _accounts(_SHOWN, owners)
            for place, record in read:
                owner = run.accounts.get(record.user_id)
                if owner is None:
                    reason = run.accounts.reason(record.user_id)
                    outcomes[place] = skipped(record.record_id, reason)
                elif (there := existing.get(record.digest) or existing.get(record.id)) is not None:
                    is_own = there == (owner, record.digest)
                    outcomes[place] = (
                        unchanged(record.record_id)
                        if is_own
                        else skipped(record.record_id, OF_ANOTHER)
                    )
                elif owner in admins:
                    outcomes[place] = skipped(record.record_id, ADMIN_HERE)
                else:
                    outcomes[place] = await self._import_one(record, owner, shown, run)
                    existing[record.digest] = (owner, record.digest)
        return [outcomes[place] for place in range(len(records))]

    async def _import_one(
        self, record: ApiKeyRecord, owner: str, shown: set[str], run: ImportRun
    ) -> Outcome:
        try:
            key = self._checked(record, owner)
        except InvalidRequest as error:
            return rejected(record.record_id, error.detail)
        if run.dry_run:
            return imported(record.record_id)
        if not await fetch_one(_OWNER_EXISTS, owner):
            return skipped(record.record_id, "its account was deleted meanwhile")
        encrypted = None
        if record.key and owner not in shown:  # clients show the one key that Open WebUI has
            shown.add(owner)
            encrypted = self._app.encryptor.encrypt(
                record.key, ENCRYPTION_CONTEXT.format(id=key.id)
            )
        await store.lock_owner(owner)
        await store.insert(key, record.digest, encrypted)
        await execute(_SET_STATE, key.id, key.enabled, key.last_used_at)
        return imported(record.record_id)

    def _checked(self, record: ApiKeyRecord, owner: str) -> ApiKey:
        """Return the key to store. Raises: InvalidRequest."""
        if record.key and not is_key(record.key):
            raise InvalidRequest("it is no key of the form sk- and 32 hexadecimal digits")
        if not record.key and not is_digest(record.key_hash or ""):
            raise InvalidRequest("it has neither a key nor a SHA-256 digest")
        return ApiKey(
            id=record.id or new_id(),
            account_id=owner,
            name=record.name[:MAX_NAME_CHARS],
            prefix=(record.key or record.prefix)[:SHOWN_CHARS],
            endpoints=checked_endpoints(record.endpoints),
            scopes=checked_scopes(record.scopes, {*self._app.route_areas(), *_areas(record)}),
            enabled=record.enabled,
            created_at=record.created_at,
            expires_at=record.expires_at,
            last_used_at=record.last_used_at,
        )


def _areas(record: ApiKeyRecord) -> set[str]:
    """Return the areas that scopes name. One of a plugin that is not here allows nothing."""
    return {one.partition(":")[0] for one in record.scopes or ()}


def _encoded(row: dict[str, Any]) -> bytes:
    lists = {name: store.parse_list(row[name]) for name in ("endpoints", "scopes")}
    return msgspec.json.encode(row | lists | {"enabled": bool(row["enabled"])})


async def _existing(records: Sequence[ApiKeyRecord]) -> dict[str, tuple[str, str]]:
    """Return owner and digest of the stored keys that have an id or a digest of these, by both."""
    found: dict[str, tuple[str, str]] = {}
    for some in chunks(records):
        ids, digests = [one.id for one in some], [one.digest for one in some]
        sql = _FOUND.format(placeholders(len(some)), placeholders(len(some), len(some) + 1))
        for row in await fetch_all(sql, *ids, *digests):
            found[row["id"]] = found[row["digest"]] = (row["account_id"], row["digest"])
    return found


async def _accounts(sql: str, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(ids):
        rows = await fetch_all(sql.format(placeholders(len(some))), *some)
        found |= {str(next(iter(row.values()))) for row in rows}
    return found
