"""Restores what an import of a plugin changes for the whole process: its log, its directory, the rights of new files."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import structlog


@contextlib.contextmanager
def preserved_settings() -> Iterator[None]:
    """Restore the settings of the process at the end of a `with` block, whatever it raises."""
    root = logging.getLogger()
    is_configured, configuration = structlog.is_configured(), structlog.get_config()
    handlers, level, disabled = list(root.handlers), root.level, logging.root.manager.disable
    umask = os.umask(0o077)
    os.umask(umask)
    directory = _directory()
    try:
        yield
    finally:
        if structlog.get_config() != configuration:
            structlog.reset_defaults()
            if is_configured:
                structlog.configure(**configuration)
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.disable(disabled)
        os.umask(umask)
        if directory and _directory() != directory:
            os.chdir(directory)


def _directory() -> str:
    """Return the working directory; empty = it is gone."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""
