"""The command line: the core's commands (`serve`, `migrate`, `plugins`, `config`, `secret`, `db`) and those of plugins."""

from portico.cli.main import main

__all__ = [
    "main",
]
