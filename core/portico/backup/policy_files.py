"""The operator's policy files in a backup."""

import os
import re
import shutil
import time
from pathlib import Path
from typing import Final

from portico.backup.encoding import DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup

#: Names of policy files. No other file is read or written.
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\.csv")
MAX_BYTES: Final = 64 * 1024 * 1024


def read_policy_files(directory: Path) -> dict[str, str]:
    """Return the texts of the policy files by name. Blocks. Raises: BackupRefused if one cannot be read."""
    found = {}
    for path in sorted(directory.glob("*.csv")):
        if not NAME.fullmatch(path.name) or not path.is_file():
            continue
        try:
            found[path.name] = path.read_bytes().decode()
        except UnicodeDecodeError:
            raise BackupRefused(f"{path} is not text (UTF-8). Correct or delete it.") from None
    return found


def checked_policy_files(value: object) -> dict[str, str]:
    """Return policy files from a backup. Raises: DamagedBackup for a name that leads elsewhere."""
    if not isinstance(value, dict):
        raise DamagedBackup(DAMAGED.format("its policy files cannot be read"))
    for name, text in value.items():
        if not NAME.fullmatch(name) or not isinstance(text, str):
            raise DamagedBackup(DAMAGED.format("a policy file has an impossible name"))
    return value


def write_policy_files(files: dict[str, str], directory: Path) -> Path | None:
    """Have a directory contain these policy files alone; one with others is kept beside it, and its path is returned.

    Blocks. Raises: OSError if the directory cannot be replaced, as one that is mounted.
    """
    if directory.is_dir() and read_policy_files(directory) == files:
        return None
    draft = directory.with_name(f".{directory.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    for name, text in files.items():
        with (draft / name).open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    old = None
    if directory.exists():
        status = directory.stat()
        draft.chmod(status.st_mode & 0o777)
        if os.geteuid() == 0:
            for path in (draft, *draft.iterdir()):
                os.chown(path, status.st_uid, status.st_gid)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        old = directory.with_name(f"{directory.name}.before-restore-{stamp}")
        directory.rename(old)
    draft.rename(directory)
    return old
