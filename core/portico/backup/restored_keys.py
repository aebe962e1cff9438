"""Whether the configured keys are those of a backup, and the keys that a backup may contain."""

import json
import os
import time
from pathlib import Path

import msgspec

from portico.backup.encoding import DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.backup.installation import Installation
from portico.backup.manifest import KeyFingerprints
from portico.encryption import configured_key_ring
from portico.settings.secret_key import FILE_NAME, ensure_secret_key, secret_fingerprint
from portico.settings.section import Secret

#: In the data directory: encryption keys of a backup, as environment variables.
KEYS_FILE = "restored_keys.env"


class StoredKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys in a backup."""

    secret_key: str
    encryption_keys: list[str] = []
    previous_secret_keys: list[str] = []


def misfit_of(keys: KeyFingerprints, place: Installation) -> str:
    """Return why the configured keys do not fit, as a sentence; empty if they do. Creates no key."""
    secret = _configured_secret(place)
    found = "none" if secret is None else secret_fingerprint(secret)
    if keys.secret is not None and keys.secret != found:
        return (
            f"The backup was made with the secret key {keys.secret} (its fingerprint); here it is {found}. Set "
            f"WEBUI_SECRET_KEY, or put that key into {place.data_dir / FILE_NAME}."
        )
    if keys.encryption is not None and secret is not None:
        ring = configured_key_ring(place.settings.identity, secret)
        if keys.encryption not in ring.by_id:
            return (
                f"The backup has values that are encrypted with the key {keys.encryption} (its fingerprint), which is not "
                "configured here. Set PORTICO_ENCRYPTION_KEYS, or PORTICO_PREVIOUS_SECRET_KEYS."
            )
    return ""


def read_stored_keys(value: object) -> StoredKeys:
    """Return the keys in a backup. Raises: DamagedBackup."""
    try:
        return msgspec.convert(value, StoredKeys)
    except msgspec.ValidationError:
        raise DamagedBackup(DAMAGED.format("its keys cannot be read")) from None


def write_keys(keys: StoredKeys, place: Installation) -> list[str]:
    """Store the keys of a backup in the data directory, and return what the operator has to do. Blocks.

    Raises: BackupRefused if another secret key is configured elsewhere.
    """
    if place.settings.identity.secret_key:
        raise BackupRefused(
            "The backup has its secret key, and another one is configured: unset WEBUI_SECRET_KEY, so that the one in the "
            "backup is stored in the data directory."
        )
    place.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, notes = place.data_dir / FILE_NAME, []
    if path.exists():
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        old = path.with_name(f"{FILE_NAME}.before-restore-{stamp}")
        path.rename(old)
        notes.append(f"The former secret key is kept as {old}.")
    _write(path, f"{keys.secret_key}\n")
    lists = {
        "PORTICO_ENCRYPTION_KEYS": keys.encryption_keys,
        "PORTICO_PREVIOUS_SECRET_KEYS": keys.previous_secret_keys,
    }
    lines = [f"{name}={json.dumps(values)}\n" for name, values in lists.items() if values]
    if lines:
        other = place.data_dir / KEYS_FILE
        other.unlink(missing_ok=True)
        _write(other, "".join(lines))
        notes.append(
            f"Set the variables in {other} before the server starts, and delete that file."
        )
    return notes


def _configured_secret(place: Installation) -> Secret | None:
    if not place.settings.identity.secret_key and not (place.data_dir / FILE_NAME).exists():
        return None
    return ensure_secret_key(place.settings, place.data_dir)


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
