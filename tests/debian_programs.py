"""Programs of other projects: an installed one, else unpacked from Debian packages, without installing and without root."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SBIN_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
#: No word of a slow or missing archive may cost much: its absence is said, and all else goes on.
QUICK = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=5", "-o", "Acquire::Languages=none"]  # fmt: skip
#: Seconds for one step.
LIMIT = 40


@dataclass(frozen=True)
class Installed:
    """A program. `root`: the folder it was unpacked to; None for an installed one."""

    program: Path
    root: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        if self.root is None:
            return dict(os.environ)  # noqa: TID251 - for another program than Portico
        libraries = {str(path.parent) for path in self.root.rglob("lib*.so*")}
        return {
            **os.environ,  # noqa: TID251
            "LD_LIBRARY_PATH": ":".join(sorted(libraries)),
        }

    def folder(self, *candidates: str) -> Path | None:
        roots = [self.root] if self.root else [Path("/"), Path("/usr/local"), Path("/opt/homebrew")]
        found = (root / name for root in roots for name in candidates)
        return next((path for path in found if path.is_dir()), None)


def find_program(
    name: str,
    packages: Sequence[str],
    cache: Path,
    folders: Sequence[str] = SBIN_FOLDERS,
    *,
    place: str = "",
    dependencies: bool = False,
) -> Installed | None:
    """Return a program; None if there is none and it cannot be had.

    `packages`: its Debian package, then those of libraries that a minimal system lacks; names of other releases of
    Debian may be among them. `cache`: the folder for downloaded packages. `place`: of the program in its package.
    `dependencies`: take what the first package depends on and this machine lacks, too.
    """
    path = os.environ.get("PATH", "")  # noqa: TID251 - a choice of the tests
    for folder in (*path.split(":"), *folders):
        if (program := Path(folder) / name).is_file():
            return Installed(program)
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / name
    found = Installed(root / (place or f"usr/sbin/{name}"), root)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process downloads, the others wait for it
        if not found.program.is_file():
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                _fetch(packages, root, dependencies=dependencies)
    return found if found.program.is_file() else None


def _fetch(packages: Sequence[str], root: Path, *, dependencies: bool) -> None:
    """Unpack Debian packages into a folder; changes nothing on the host."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return
    options = QUICK
    known = _known(packages, options)
    if packages[0] not in known:
        # The lists of a machine that was just installed are empty, and only root may fill them: own ones do as well.
        options = [*QUICK, *_own_lists(root.parent / "apt")]
        _run(["apt-get", "-qq", *options, "update"], root.parent)
        known = _known(packages, options)
    if packages[0] not in known:
        return
    if dependencies:
        known |= _missing(packages[0], options)
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        # All at once, since apt reads the lists of all packages each time.
        _run(["apt-get", "-qq", *options, "download", *sorted(known)], Path(scratch))
        for archive in Path(scratch).glob("*.deb"):
            _run(["dpkg", "-x", str(archive), f"{scratch}/root"], Path(scratch))
        os.rename(f"{scratch}/root", root)


def _own_lists(folder: Path) -> list[str]:
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    chosen = {
        "Dir::State": folder,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": folder,
        "APT::Sandbox::User": "root",
    }
    return [word for name, value in chosen.items() for word in ("-o", f"{name}={value}")]


def _missing(package: str, options: Sequence[str]) -> set[str]:
    """Return the packages that an installation of this one would install."""
    simulated = ["apt-get", "-qq", *options, "--simulate", "--no-install-recommends", "install"]
    # Prints a line for each: `Inst libnss3 (2:3.87 …)`.
    lines = _run([*simulated, package], Path.cwd()).splitlines()
    return {words[1] for line in lines if (words := line.split())[:1] == ["Inst"]}


def _known(packages: Sequence[str], options: Sequence[str]) -> set[str]:
    """Return those of these packages that can be downloaded."""
    # Prints a line for each version: `slapd | 2.5.13 | …`.
    done = _run(["apt-cache", "-qq", *options, "madison", *packages], Path.cwd())
    return {line.partition("|")[0].strip() for line in done.splitlines()}


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, timeout=LIMIT, check=True, capture_output=True, text=True
    )
    return done.stdout
