"""Carries out `deploy/Dockerfile` in a folder instead of an image: its copies, its commands, its variables and its user.

Paths of the image are below that folder. Commands run as they are written, with `python` from this machine; `useradd` only
reports, and processes run under the number that it is given where this machine lets them.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.deployment import DEPLOY, ROOT, Stage, let_through, read_dockerfile
from tests.environments import run

#: Interpreters of which the first is used that another user may run and that can make environments.
_PYTHONS = (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3")
_CAPABLE = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
_REPORT = '#!/bin/sh\necho "$@" >> "$(dirname "$0")/useradd.log"\n'


@dataclass
class Image:
    """What a Dockerfile makes. `path`: its root. `may_change_user`: processes run under the number in `USER`."""

    path: Path
    python: str
    may_change_user: bool
    last: Stage
    _workdir: Path = field(init=False)

    def inside(self, text: str) -> str:
        """Return a text with the paths of the image as those of this machine."""
        return re.sub(r"(?<![\w/.])/(?=opt/|var/|source\b)", f"{self.path}/", text)

    @property
    def workdir(self) -> Path:
        """Where its processes start."""
        return Path(self.inside(self.last.all("WORKDIR")[-1]))

    @property
    def user(self) -> int:
        """The number of the user that its processes have."""
        return int(self.last.all("USER")[-1].split(":")[0])

    @property
    def environment(self) -> dict[str, str]:
        """The variables that its processes have."""
        found = {name: self.inside(text) for name, text in self.last.environment.items()}
        return found | {"PATH": found["PATH"].replace("$PATH", "/usr/bin:/bin")}

    def start(
        self, words: list[str], environment: Mapping[str, str], log: Path
    ) -> "subprocess.Popen[bytes]":
        """Start a process as a container would. `environment`: what its service adds. `log`: for its output."""
        program = shutil.which(words[0], path=self.environment["PATH"])
        assert program is not None, f"{words[0]} is not on the PATH of the image"
        identity = {"user": self.user, "group": self.user, "extra_groups": []}
        with log.open("ab") as output:
            return subprocess.Popen(
                [program, *words[1:]],
                cwd=self.workdir,
                env=self.environment | dict(environment),
                stdout=output,
                stderr=output,
                **(identity if self.may_change_user else {}),  # type: ignore[call-overload]
            )

    def succeeds(self, words: list[str], environment: Mapping[str, str], log: Path) -> bool:
        """Run a command as a container would, and return whether it succeeded."""
        return self.start(words, environment, log).wait(60) == 0


def build_image(folder: Path) -> Image:
    """Carry out the Dockerfile below a folder that every user may read."""
    stages = read_dockerfile(DEPLOY / "Dockerfile")
    python, may_change_user = _interpreter(int(stages[-1].all("USER")[-1].split(":")[0]))
    image = Image(folder, python, may_change_user, stages[-1])
    context = _context(folder / "context")
    tools = folder / "tools"
    tools.mkdir()
    (tools / "python").symlink_to(python)
    (tools / "useradd").write_text(_REPORT)
    (tools / "useradd").chmod(0o755)
    # To compile all modules takes pip longer than the rest, and few are imported: `_compile_what_is_served` does those.
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "PIP_NO_COMPILE": "false"}
    for stage in stages:
        workdir = folder
        for instruction, text in stage.steps:
            if instruction == "WORKDIR":
                workdir = Path(image.inside(text))
                workdir.mkdir(parents=True, exist_ok=True)
            elif instruction == "RUN":
                run("/bin/sh", "-ec", image.inside(text), cwd=workdir, environ=environment)
            elif instruction == "COPY" and "--from=" not in text:
                _copy(context, text.split(), workdir)
    _compile_what_is_served(image)
    home = image.workdir
    if may_change_user:
        os.chown(home, image.user, image.user)
    return image


def _compile_what_is_served(image: Image) -> None:
    """Import what a server imports, as the user who may write the bytecode. Its own user may not."""
    program = shutil.which("python", path=image.environment["PATH"])
    assert program is not None
    imports = "import granian.server, uvloop, portico.app, portico.cli; from portico.settings.load import load_settings; portico.app.Portico(load_settings(environ={}))"  # fmt: skip
    run(program, "-c", imports, cwd=image.path)


def _interpreter(user: int) -> tuple[str, bool]:
    """Return an interpreter, and whether a process of this user may run it."""
    for python in _PYTHONS:
        try:
            done = subprocess.run(
                [os.path.realpath(python), "-c", _CAPABLE],
                user=user, group=user, extra_groups=[], cwd="/", capture_output=True, check=False,
            )  # fmt: skip
        except OSError:
            continue
        if done.returncode == 0:
            return os.path.realpath(python), True
    return os.path.realpath(sys.executable), False


def _context(folder: Path) -> Path:
    """Copy what `.dockerignore` lets through to the builder."""
    listing = run(
        "git", "-c", "safe.directory=*", "ls-files", "-coz", "--exclude-standard", cwd=ROOT
    )
    names = [name for name in listing.split("\0") if name and (ROOT / name).is_file()]
    for name in let_through(names, ROOT / ".dockerignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def _copy(context: Path, words: list[str], workdir: Path) -> None:
    *sources, target = words
    for source in sources:
        origin, to = context / source, workdir / target
        assert origin.exists(), f"COPY {source}: .dockerignore keeps it from the builder"
        if origin.is_dir():
            shutil.copytree(origin, to)
        elif target.endswith("/"):
            to.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, to / origin.name)
        else:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, to)
