"""Policy files: those that Portico and its plugins package, and the operator's own.

A file of the operator replaces the packaged one of the same name whole; a file with another name is added.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from portico.errors import OperatorError, error_text
from portico.permissions.resource import PackagedPolicy, PolicyRule

#: Of one file.
MAX_POLICY_FILE_BYTES = 256 * 1024
#: Of the operator's own files.
MAX_FILES = 100
#: Of all files saved over HTTP; every version stores all of them.
MAX_SAVED_BYTES = 1024 * 1024


class InvalidPolicy(OperatorError):
    """The policies are not valid. `faults`: one sentence each, beginning with `package/file:line`."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The text of a policy file. `name`: such as `models.csv`; `location`: such as `portico_policies/models.csv`."""

    name: str
    location: str
    text: str


#: The rules for every kind, whichever plugins are active.
BASE_POLICY = PackagedPolicy("portico_policies", "base.csv")


def packaged_files(policies: Iterable[PackagedPolicy | PolicyRule]) -> list[PolicyFile]:
    """Return the base policy and the files of plugins; a single rule is a file of its own. Raises: InvalidPolicy."""
    return files_of((BASE_POLICY, *policies))


def files_of(policies: Iterable[PackagedPolicy | PolicyRule]) -> list[PolicyFile]:
    """Return packaged files without the base policy. Raises: InvalidPolicy."""
    files, faults = [], []
    for policy in policies:
        if isinstance(policy, PolicyRule):
            files.append(PolicyFile(str(policy), f"line `{policy}`", str(policy)))
            continue
        try:
            found = resources.files(policy.package).joinpath(policy.name)
            data = found.read_bytes()
            text = data.decode()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the package is imported, and may raise anything
            faults.append(f"{policy}: it cannot be read: {error_text(error)}")
        else:
            if len(data) > MAX_POLICY_FILE_BYTES:
                faults.append(f"{policy}: it is longer than {MAX_POLICY_FILE_BYTES} bytes")
                continue
            files.append(PolicyFile(policy.file_name, str(policy), text))
    if faults:
        raise InvalidPolicy(faults)
    return files


def read_directory(directory: Path) -> list[PolicyFile]:
    """Read the operator's files: every `*.csv` of a directory, by name. Raises: InvalidPolicy."""
    files, faults = [], []
    try:
        paths = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InvalidPolicy([f"{directory}: it cannot be read: {error.strerror}"]) from error
    for path in paths:
        if path.name == "model.conf":
            faults.append(f"{path}: the Casbin model cannot be replaced; remove the file")
        if path.suffix != ".csv":
            continue
        try:
            data = path.read_bytes()
            if len(data) > MAX_POLICY_FILE_BYTES:
                faults.append(f"{path}: it is longer than {MAX_POLICY_FILE_BYTES} bytes")
                continue
            files.append(PolicyFile(path.name, str(path), data.decode()))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{path}: it cannot be read: {error}")
    if len(files) > MAX_FILES:
        faults.append(f"{directory}: there are {len(files)} files; at most {MAX_FILES} are allowed")
    if faults:
        raise InvalidPolicy(faults)
    return files


def override_by_name(
    files: Iterable[PolicyFile], *layers: Iterable[PolicyFile]
) -> list[PolicyFile]:
    """Return the files with each layer's in the place of those of the same name; new ones are added at the end."""
    result = {file.name: file for file in files}
    for layer in layers:
        result |= {file.name: file for file in layer}
    return list(result.values())
