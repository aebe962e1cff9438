"""The key that signs session tokens: checked when configured, made once when not."""

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
LEAST_BYTES = 32
LEAST_DISTINCT = 8
HOW_TO_MAKE_ONE = 'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'

_WELL_KNOWN = re.compile(
    "t0p-s3cr3t|change-?_?(this|me|it)|(my|your|super|top|webui|portico|open-?_?webui|jwt)?"
    "[-_ ]?(secret|s3cr3t)[-_ ]?(key)?|passw(or|0r)d|default|example|insecure|placeholder|test"
    "|admin|qwerty(uiop)?|letmein|0?123456(7890?|789a?)?|abcdef(ghijklmnopqrstuvwxyz)?",
    re.IGNORECASE,
)
_log = logging.getLogger(__name__)


class WeakSecret(BadSettings):
    """The secret key could be guessed, and with it everybody's sign-in."""


class SecretKeyMismatch(BadSettings):
    """This process and the database it opens were set up with different secret keys."""


def ensure_secret_key(settings: CoreSettings, data_dir: Path) -> Secret:
    """The configured secret key if there is one, else the one kept in the data directory.

    If there is none yet, it is made, for the owner's eyes only (mode 0600). Processes that start
    at the same time all end with the same key.
    Raises: WeakSecret; BadSettings if the file can be neither read nor made.
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
    """A short name of the secret that tells two apart and gives neither away.

    Safe to store and to log: an HMAC of fixed words under a secret nobody can guess.
    """
    digest = hmac.new(secret.reveal().encode(), b"portico secret fingerprint", hashlib.sha256)
    return digest.hexdigest()[:16]


def ensure_same_secret(stored_fingerprint: str, secret: Secret) -> None:
    """Refuses to go on with another secret than the one the database was used with.

    Two instances that share a database and not the key would sign people out at every other
    request. Raises: SecretKeyMismatch.
    """
    if not hmac.compare_digest(stored_fingerprint, secret_fingerprint(secret)):
        reason = (
            f"another secret key is in use with this database (its fingerprint is "
            f"{stored_fingerprint}, of this one {secret_fingerprint(secret)}); give all instances "
            f"the same {_variable()}, or run `portico secret --adopt` to change it for good"
        )
        raise SecretKeyMismatch([Problem(KEY, reason)])


def weakness_of(secret: str) -> str:
    """Why this secret will not do, or the empty string. The reason does not quote the secret."""
    size = len(secret.encode())
    if size < LEAST_BYTES:
        return f"it has {size} bytes, at least {LEAST_BYTES} are needed"
    if len(set(secret)) < LEAST_DISTINCT:
        return f"it has fewer than {LEAST_DISTINCT} different characters"
    if len(secret) > (period := (secret + secret).find(secret, 1)) and period < LEAST_BYTES:
        return "it repeats itself"
    if len(_WELL_KNOWN.sub("", secret)) < LEAST_BYTES // 2:
        return "it is made of well-known words"
    return ""


def check_strength(secret: str, key: str) -> None:
    """Raises: WeakSecret, saying why and how to make a better one; `key` is what to call the setting."""
    if why := weakness_of(secret):
        raise WeakSecret([Problem(key, f"is too weak: {why}; {HOW_TO_MAKE_ONE}")])


def _variable() -> str:
    fields = {field.key: field for field in core_fields()["identity"]}
    return fields[KEY].variables[0]


def _create(path: Path) -> None:
    """Puts a new key at `path` unless somebody else just did; it is never there half-written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link fails where the name is taken: the first process wins for all.
        os.link(draft, path)
        _log.info("made a new secret key in %s", path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> str:
    # Not blocking: a named pipe in this place must not hold up the start for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise BadSettings([Problem(str(path), "is not a regular file")])
        if mode & 0o077:
            _restrict_permissions(descriptor, path, mode)
        return file.read().strip()


def _restrict_permissions(descriptor: int, path: Path, mode: int) -> None:
    # Refusing would be stricter and stop servers for nothing: restoring a backup and mounting a
    # volume with a group (Kubernetes' fsGroup, at every mount) both widen the mode. Keeping quiet
    # would hide that others may have read it. So: close it, go on, say it.
    os.fchmod(descriptor, 0o600)
    _log.warning(
        "%s could be read by others (mode %04o) and is 0600 now; if somebody may have seen it, "
        "delete it: a new one is made at the next start and everybody signs in again",
        path,
        stat.S_IMODE(mode),
    )
