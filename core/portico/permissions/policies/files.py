"""Where the law is written: pages that come with Portico and its plugins, and the operator's own.

A page of the operator replaces the one of the same name whole; any other name is added to them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from portico.errors import OperatorError
from portico.permissions.resource import PackagedPolicy, PolicyLine

#: Bytes of one page. The law is read by people.
MAX_POLICY_FILE_BYTES = 256 * 1024
#: Of the operator's own pages.
MOST_PAGES = 100
#: Bytes of all pages that are saved; every version keeps them all.
MOST_SAVED = 1024 * 1024


class InvalidPolicy(OperatorError):
    """The law cannot be read. `faults`: one sentence each, beginning with `package/file:line`."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One text of law. `name`: `models.csv`. `place`: where it stands, such as `portico_policies/models.csv`."""

    name: str
    location: str
    text: str


#: What holds for every kind, whichever plugins are there.
BASE_POLICY = PackagedPolicy("portico_policies", "base.csv")


def packaged_files(policies: Iterable[PackagedPolicy | PolicyLine]) -> list[PolicyFile]:
    """The house rules, then what plugins bring; a single line is a page of its own. Raises: InvalidPolicy."""
    pages, faults = [], []
    for policy in (BASE_POLICY, *policies):
        if isinstance(policy, PolicyLine):
            pages.append(PolicyFile(str(policy), f"line `{policy}`", str(policy)))
            continue
        try:
            found = resources.files(policy.package).joinpath(policy.name)
            text = found.read_text(encoding="utf-8")
        except (OSError, ImportError, UnicodeDecodeError) as error:
            faults.append(f"{policy}: it cannot be read: {error}")
        else:
            pages.append(PolicyFile(policy.page, str(policy), text))
    if faults:
        raise InvalidPolicy(faults)
    return pages


def read_directory(directory: Path) -> list[PolicyFile]:
    """The operator's pages: every `*.csv` of a directory, by name. Raises: InvalidPolicy."""
    pages, faults = [], []
    try:
        paths = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InvalidPolicy([f"{directory}: it cannot be read: {error.strerror}"]) from error
    for path in paths:
        if path.name == "model.conf":
            faults.append(f"{path}: how lines are applied cannot be replaced; remove the file")
        if path.suffix != ".csv":
            continue
        try:
            data = path.read_bytes()
            if len(data) > MAX_POLICY_FILE_BYTES:
                faults.append(f"{path}: it is longer than {MAX_POLICY_FILE_BYTES} bytes")
                continue
            pages.append(PolicyFile(path.name, str(path), data.decode()))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{path}: it cannot be read: {error}")
    if len(pages) > MOST_PAGES:
        faults.append(f"{directory}: there are {len(pages)} files; at most {MOST_PAGES} are read")
    if faults:
        raise InvalidPolicy(faults)
    return pages


def override_by_name(
    pages: Iterable[PolicyFile], *layers: Iterable[PolicyFile]
) -> list[PolicyFile]:
    """The pages with each layer's laid over them by name, in their order, new ones at the end."""
    result = {page.name: page for page in pages}
    for layer in layers:
        result |= {page.name: page for page in layer}
    return list(result.values())
