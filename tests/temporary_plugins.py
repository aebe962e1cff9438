"""Plugins for single tests, installed through entry points of a distribution on the path."""

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def write_plugin(site: Path, name: str, source: str, module: str, distribution: str) -> None:
    """Write a plugin into a folder as a distribution: it is installed where the folder is in the path of Python."""
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(textwrap.dedent(source))
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[portico]\n{name} = {module}\n")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`install("name", source)` installs a plugin on the path as a distribution."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def put(name: str, source: str, *, module: str = "", distribution: str = "") -> None:
        module, distribution = module or f"made_up_{name}", distribution or f"made-up-{name}"
        write_plugin(site, name, source, module, distribution)
        # An import of another thread may have looked into the folder before, within the same tick of its clock.
        importlib.invalidate_caches()

    yield put
    for made_up in set(sys.modules) - before:
        if made_up.startswith("made_up_"):
            del sys.modules[made_up]
