"""Which kind of target a backup has: a file, a directory, or a prefix in a bucket."""

from pathlib import Path

from portico.backup.errors import BackupRefused
from portico.backup.storage import BackupStorage
from portico.settings.backup import BackupSettings


def open_target(target: str, settings: BackupSettings, *, must_exist: bool) -> BackupStorage:
    """Return the storage for a target: `s3://bucket/prefix`, a directory that exists or ends with `/`, else a file.

    `must_exist`: it is read. Raises: BackupRefused.
    """
    if target.startswith("s3://"):
        from portico.backup.storage.s3 import BackupBucket

        return BackupBucket(target, settings)
    if "://" in target:
        raise BackupRefused("A target is a file, a directory, or s3://bucket/prefix.")
    path = Path(target)
    if must_exist and not path.exists():
        raise BackupRefused(f"There is no backup at {path}.")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise BackupRefused(f"{path} is neither a regular file nor a directory.")
    if path.is_dir() or target.endswith("/"):
        from portico.backup.storage.directory import BackupDirectory

        return BackupDirectory(path.absolute())
    from portico.backup.storage.single_file import SingleFile

    return SingleFile(path.absolute())
