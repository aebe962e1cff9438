"""The command line: `portico serve`, `migrate`, `plugins`, `config`, and what plugins add."""

from portico.cli.main import main

__all__ = [
    "main",
]
