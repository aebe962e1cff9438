"""Writes broken plugins: their sources, where in them the mistake is, and the migrations that some have."""

import importlib
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: At the end of the line that a fault is expected to name.
MARK = "#!"
#: What most of them need. It is one line, so that it does not matter for the numbers of lines.
HEAD = "; ".join(
    (
        "import asyncio, itertools, msgspec, time",
        "from typing import Annotated, Any",
        "from piccolo.columns import Text",
        "from piccolo.table import Table",
        "from portico.api import *",
        "from portico.api.auth import *",
        "from portico.api.db import *",
        "from portico.api.models import *",
        "from portico.api.policy import *",
        "from portico.api.sockets import *",
        "from portico.api.tasks import *",
        'PLUGIN = PluginInfo(api_version=1, summary="")',
    )
)

#: A table of a plugin, whose name is filled in.
TABLE = "class Thing(Table, tablename='{}_thing'):\n    id = Text(primary_key=True)\n"


@dataclass(frozen=True, slots=True)
class Broken:
    """A plugin that fails. `fault`: the kind that is public. `reason`: a part of the sentence for administrators.

    `code`: what follows `HEAD`; `head=False`: it is the whole module. `hook`: write it as the body of this hook.
    `migrations`: files by name.
    """

    fault: str
    reason: str
    code: str
    hook: str = ""
    head: bool = True
    migrations: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The text of the module."""
        code = textwrap.dedent(self.code).strip("\n")
        if self.hook:
            head = self.hook if "(" in self.hook else f"{self.hook}()"
            code = f"@hookimpl\ndef {head}:\n{textwrap.indent(code, '    ')}"
        return f"{HEAD}\n{code}\n" if self.head else code

    @property
    def line(self) -> int | None:
        """The line that the fault is expected to name; None = no certain one."""
        found = [n for n, line in enumerate(self.source.splitlines(), 1) if line.endswith(MARK)]
        return found[0] if found else None

    def fault_in(self, name: str, described: Mapping[str, object]) -> str:
        """Return what is wrong in how the failed plugin is described; empty = nothing."""
        got = described["state"], described["fault"]
        if got != ("failed", self.fault):
            return f"{name}: {got}, expected a fault of kind {self.fault}: {described['reason']}"
        reason, at = str(described["reason"]), str(described["at"])
        if not re.search(self.reason, reason):
            return f"{name}: {reason!r} does not match {self.reason!r}"
        if self.line is not None and at != f"made_up_{name}.py:{self.line}":
            return f"{name}: at {at!r}, expected line {self.line} of its file ({reason})"
        return ""


def write_plugins(site: Path, plugins: Mapping[str, Broken]) -> None:
    """Install plugins in a folder of the path of Python, all in one distribution, which is read fast."""
    info = site / "broken_plugins-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugins\nVersion: 1.0\n")
    entry_points = (f"{name} = made_up_{name}" for name in plugins)
    (info / "entry_points.txt").write_text("\n".join(("[portico]", *entry_points, "")))
    for name, broken in plugins.items():
        (site / f"made_up_{name}.py").write_text(broken.source)
        if broken.migrations:
            folder = site / f"made_up_{name}_steps"
            folder.mkdir()
            (folder / "__init__.py").write_text("")
            for file, text in broken.migrations.items():
                (folder / file).write_text(text)
    importlib.invalidate_caches()
