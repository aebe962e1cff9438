"""The command: `python -m tests.mutants --help`."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import click
from tests import mutants
from tests.mutants.mistakes import Mistake, mistakes_of

ROOT = Path(__file__).parents[2]
ROOTS = ("core", "plugins", "policies")

#: The modules that matter most, and the tests that are to notice mistakes in them.
TARGETS = {
    "core/portico/permissions": ("tests/core/permissions", "tests/security/test_policies.py"),
    "core/portico/identity/sessions": ("tests/core/identity",),
    "core/portico/identity/sign_in": ("tests/core/identity", "tests/plugins/trusted_header", "tests/security/test_sign_in.py"),
    "core/portico/rate_limits": ("tests/core/rate_limits", "tests/security/test_limits.py"),
    "core/portico/db": ("tests/core/db",),
    "core/portico/tasks": ("tests/core/tasks",),
    "core/portico/catalogue": ("tests/core/catalogue", "tests/end_to_end/test_caches.py"),
    "core/portico/upstream": ("tests/core/upstream", "tests/plugins/openai", "tests/security/test_upstream.py"),
    "core/portico/web": ("tests/core/web", "tests/security/test_browsers.py"),
    "core/portico/encryption": ("tests/core/encryption",),
    "plugins/portico_models": ("tests/plugins/models",),
    "plugins/portico_chats": ("tests/plugins/chats",),
    "plugins/portico_openai": ("tests/plugins/openai", "tests/security/test_upstream.py"),
    "plugins/portico_completions": ("tests/plugins/completions",),
}  # fmt: skip


class Candidate(NamedTuple):
    """A mistake in a module of the repository."""

    module: str
    mistake: Mistake

    def __str__(self) -> str:
        return f"{self.module}:{self.mistake}"


def candidates(paths: tuple[str, ...]) -> list[Candidate]:
    """Every mistake in the modules at or below these paths."""
    modules = [module for path in paths for module in modules_at(path)]
    return [
        Candidate(module, mistake)
        for module in dict.fromkeys(modules)
        for mistake in mistakes_of((ROOT / module).read_bytes())
    ]


def modules_at(path: str) -> list[str]:
    found = ROOT / path
    modules = sorted(found.rglob("*.py")) if found.is_dir() else [found]
    return [m.relative_to(ROOT).as_posix() for m in modules if m.name != "__init__.py"]


def suite_for(module: str) -> tuple[str, ...]:
    """The tests that are to notice a mistake; of what is not listed, those of the folder of that name."""
    for target, tests in TARGETS.items():
        if module.startswith(f"{target}/"):
            return tests
    root, package, *rest = Path(module).parts
    places = ("core", rest[0]) if root == "core" else ("plugins", package.removeprefix("portico_"))
    return ("/".join(("tests", *places)),)


def passes(copy: Path, tests: tuple[str, ...], seconds: float) -> bool:
    """Whether the tests pass in the copy, as it is now, within so many seconds."""
    environment = os.environ | {  # noqa: TID251 - a child's
        "PYTHONPATH": os.pathsep.join(str(copy / root) for root in (*ROOTS, "")),
        "PYTHONDONTWRITEBYTECODE": "1",  # two mistakes within a second have one time stamp
    }
    command = (sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider")
    try:
        done = subprocess.run(
            (*command, *tests),
            cwd=copy,
            env=environment,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def notices(copy: Path, candidate: Candidate, seconds: float) -> bool:
    """Whether a test fails, or does not end, with the mistake made in the copy."""
    path = copy / candidate.module
    source = path.read_bytes()
    path.write_bytes(candidate.mistake.made_in(source))
    try:
        return not passes(copy, suite_for(candidate.module), seconds)
    finally:
        path.write_bytes(source)


@click.command(help=mutants.__doc__)
@click.argument("paths", nargs=-1)
@click.option("--count", default=20, show_default=True, help="How many mistakes to make.")
@click.option("--seed", default=1, show_default=True, help="Another number is another sample.")
@click.option("--seconds", default=900.0, show_default=True, help="Time for the tests of one.")
@click.option("--list", "only_list", is_flag=True, help="Print all that could be changed.")
def main(paths: tuple[str, ...], count: int, seed: int, seconds: float, only_list: bool) -> None:
    found = candidates(paths or tuple(TARGETS))
    if only_list:
        click.echo("\n".join(map(str, found)))
        return
    sample = random.Random(seed).sample(found, min(count, len(found)))
    unnoticed = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "repository"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for tests in sorted({suite_for(candidate.module) for candidate in sample}):
            if not passes(copy, tests, seconds):
                raise click.ClickException(f"Without a mistake these fail: {' '.join(tests)}")
        with click.progressbar(sample, label="mistakes", show_pos=True) as mistakes:
            for candidate in mistakes:
                if not notices(copy, candidate, seconds):
                    unnoticed.append(candidate)
    for candidate in unnoticed:
        click.echo(f"not noticed: {candidate}")
    click.echo(f"{len(sample) - len(unnoticed)} of {len(sample)} mistakes were noticed.")
    sys.exit(bool(unnoticed))


if __name__ == "__main__":
    main()
