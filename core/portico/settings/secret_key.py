"""The secret key that signs session tokens: checked if configured, created once if not."""

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
from pathlib import Path

from portico.settings.fields import core_fields
from portico.settings.problems import BadSettings, Problem
from portico.settings.schema import CoreSettings
from portico.settings.section import Secret

KEY = "identity.secret_key"
FILE_NAME = "secret_key"
MIN_BYTES = 32
MIN_DISTINCT_CHARS = 8
HOW_TO_CREATE = 'create one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'

_WELL_KNOWN = re.compile(
    "t0p-s3cr3t|change-?_?(this|me|it)|(my|your|super|top|webui|portico|open-?_?webui|jwt)?"
    "[-_ ]?(secret|s3cr3t)[-_ ]?(key)?|passw(or|0r)d|default|example|insecure|placeholder|test"
    "|admin|qwerty(uiop)?|letmein|0?123456(7890?|789a?)?|abcdef(ghijklmnopqrstuvwxyz)?",
    re.IGNORECASE,
)
_log = logging.getLogger(__name__)


class WeakSecret(BadSettings):
    """The secret key could be guessed, and then every session could be forged."""


class SecretKeyMismatch(BadSettings):
    """The database was used with another secret key."""


def ensure_secret_key(settings: CoreSettings, data_dir: Path) -> Secret:
    """Return the configured secret key if there is one, else the one in the data directory.

    If there is none yet, it is created with mode 0600. Processes that start at the same time get
    the same key. Raises: WeakSecret; BadSettings if the file can be neither read nor created.
    """
    configured = settings.identity.secret_key
    if configured:
        check_strength(configured.reveal(), f"{KEY} ({_variable()})")
        return configured
    path = data_dir / FILE_NAME
    try:
        try:
            secret = _read(path)
        except FileNotFoundError:
            _create(path)
            secret = _read(path)
    except OSError as error:
        reason = f"cannot be used: {error.strerror or error}; set {_variable()} instead"
        raise BadSettings([Problem(str(path), reason)]) from error
    except UnicodeDecodeError:
        raise BadSettings([Problem(str(path), "is not text")]) from None
    check_strength(secret, str(path))
    return Secret(secret)


def secret_fingerprint(secret: Secret) -> str:
    """Return a short identifier of the secret, from which it cannot be derived.

    Safe to store and to log: an HMAC of a fixed text with the secret as key.
    """
    digest = hmac.new(secret.reveal().encode(), b"portico secret fingerprint", hashlib.sha256)
    return digest.hexdigest()[:16]


def ensure_same_secret(stored_fingerprint: str, secret: Secret) -> None:
    """Check that the database was used with the same secret.

    Two instances with one database and different keys would refuse each other's sessions.
    Raises: SecretKeyMismatch.
    """
    if not hmac.compare_digest(stored_fingerprint, secret_fingerprint(secret)):
        reason = (
            f"the database was used with another secret key (its fingerprint is "
            f"{stored_fingerprint}, of this one {secret_fingerprint(secret)}); give all instances "
            f"the same {_variable()}, or run `portico secret replace` to replace it permanently"
        )
        raise SecretKeyMismatch([Problem(KEY, reason)])


def weakness_of(secret: str) -> str:
    """Return why this secret is too weak, or the empty string. The reason does not quote the secret."""
    size = len(secret.encode())
    if size < MIN_BYTES:
        return f"it has {size} bytes, at least {MIN_BYTES} are needed"
    if len(set(secret)) < MIN_DISTINCT_CHARS:
        return f"it has fewer than {MIN_DISTINCT_CHARS} different characters"
    if len(secret) > (period := (secret + secret).find(secret, 1)) and period < MIN_BYTES:
        return "it repeats itself"
    if len(_WELL_KNOWN.sub("", secret)) < MIN_BYTES // 2:
        return "it is made of well-known words"
    return ""


def check_strength(secret: str, key: str) -> None:
    """Check that a secret is strong enough. `key`: name of the setting for the error. Raises: WeakSecret."""
    if why := weakness_of(secret):
        raise WeakSecret([Problem(key, f"is too weak: {why}; {HOW_TO_CREATE}")])


def _variable() -> str:
    fields = {field.key: field for field in core_fields()["identity"]}
    return fields[KEY].variables[0]


def _create(path: Path) -> None:
    """Create the file with a new key, atomically, unless another process has just done so."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link fails if the file exists: all processes use the key of the first.
        os.link(draft, path)
        _log.info("secret key created in %s", path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> str:
    # Not blocking: a named pipe in its place must not block the start for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise BadSettings([Problem(str(path), "is not a regular file")])
        if mode & 0o077:
            _restrict_permissions(descriptor, path, mode)
        return file.read().strip()


def _restrict_permissions(descriptor: int, path: Path, mode: int) -> None:
    # Refusing would be stricter, and stop servers without need: restoring a backup and mounting a
    # volume with a group (Kubernetes' fsGroup, at every mount) both widen the mode. So the mode is
    # restricted, and a warning says that others may have read the file.
    os.fchmod(descriptor, 0o600)
    _log.warning(
        "%s could be read by other users (mode %04o); its mode is 0600 now. If another user may have read it, "
        "delete it: the next start creates a new one, and all users must sign in again",
        path,
        stat.S_IMODE(mode),
    )
