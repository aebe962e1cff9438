"""Portico as users install it: built from the sources, in a virtual environment.

A test module that uses the fixtures declares `pytest_plugins = ["tests.environments"]`. All share one
environment, built once: `tests/workers.py` has one worker run all those modules.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.engines import ENCRYPTED

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Environment:
    """A virtual environment for tests."""

    path: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    def command(self, name: str) -> Path:
        """An installed command."""
        return self.path / "bin" / name

    def install(self, *what: str | Path) -> None:
        """Install with pip, dependencies included unless `--no-deps` is among `what`.

        Without compiling all modules, which would take most of the time; few of them are imported.
        """
        self.pip("install", "-q", "--no-compile", *what)

    def install_project(self, source: Path) -> None:
        """Build a wheel of a project in its own folder, and install it."""
        build(source, source / "dist", "--wheel")
        self.install(*(source / "dist").glob("*.whl"))

    def pip(self, *arguments: str | Path) -> str:
        """Run the pip of the tests for this environment; returns its output."""
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", self.python)
        return run(*pip, *arguments)

    def run(self, *command: str | Path, cwd: Path, environ: Mapping[str, str] | None = None) -> str:
        """Run a program with `environ` added to a bare environment; returns its output.

        `cwd` is required, since the repository would add its own folders to the path.
        """
        return run(*command, cwd=cwd, environ=environ)


@dataclass(frozen=True)
class Distribution:
    """Built distributions. `rebuilt`: the wheel that the sdist builds; `folder`: of both, and their SBOM."""

    wheel: Path
    sdist: Path
    rebuilt: Path
    folder: Path


def run(
    *command: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> str:
    """Run a program in a bare environment; returns its output, or fails the test with it."""
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    bare = {name: os.environ[name] for name in keep if name in os.environ}  # noqa: TID251 - a child's
    # The package index is configured by the machine.
    bare |= {name: text for name, text in os.environ.items() if name.startswith("PIP_")}  # noqa: TID251
    done = subprocess.run(
        command,
        cwd=cwd,
        env=bare | dict(environ or {}),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout


def new_environment(path: Path) -> Environment:
    """An empty environment at `path`, with the interpreter of this test run, without a pip of its own."""
    run(sys.executable, "-m", "venv", "--without-pip", path)
    return Environment(path)


def build(source: Path, folder: Path, *kinds: str) -> None:
    """Build distributions of a project into `folder`: wheel and sdist, or these kinds.

    Without isolation, since the environment of the tests has the build backend.
    """
    run(sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", folder, source)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all tracked and new files of the repository, without caches and build artifacts."""
    copy = tmp_path_factory.mktemp("sources")
    # A checkout may belong to another account than the one that tests it.
    listing = run(
        "git", "-c", "safe.directory=*", "ls-files", "-coz", "--exclude-standard", cwd=ROOT
    )
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def distribution(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """A wheel of the sources, and what `.ci/package` builds of them: the sdist, the wheel that it builds, and the SBOM."""
    direct, indirect = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("sdist")
    build(sources, direct, "--wheel")
    shutil.copymode(ROOT / ".ci" / "package", sources / ".ci" / "package")
    run(sources / ".ci" / "package", indirect, environ={"PYTHON": sys.executable})
    (wheel,), (sdist,) = direct.glob("*.whl"), indirect.glob("*.tar.gz")
    (rebuilt,) = indirect.glob("*.whl")
    return Distribution(wheel, sdist, rebuilt, indirect)


@pytest.fixture(scope="session")
def fresh_environment(
    distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """An environment with the wheel and all that it depends on, and nothing else.

    It has the scope of the session: a test may find packages that other tests installed.
    """
    environment = new_environment(tmp_path_factory.mktemp("environment") / "venv")
    extra = "[sqlcipher]" if ENCRYPTED else ""  # with the switch, SQLite needs it
    environment.install(f"{distribution.wheel}{extra}")
    return environment
