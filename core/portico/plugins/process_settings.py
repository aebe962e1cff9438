"""Restores what a plugin changes for the whole process: its log, its directory, the rights of new files."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import structlog


@contextlib.contextmanager
def preserved_settings() -> Iterator[None]:
    """Restore the settings of the process at the end of a `with` block, whatever it raises: for imports and hooks."""
    root = logging.getLogger()
    is_configured, configuration = structlog.is_configured(), structlog.get_config()
    handlers, level, disabled = list(root.handlers), root.level, logging.root.manager.disable
    try:
        with preserved_files():
            yield
    finally:
        if structlog.get_config() != configuration:
            structlog.reset_defaults()
            if is_configured:
                structlog.configure(**configuration)
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.disable(disabled)


@contextlib.contextmanager
def preserved_files() -> Iterator[None]:
    """Restore only what concerns files: for `startup`, where a plugin may add a handler to the log."""
    umask = os.umask(0o077)
    os.umask(umask)
    directory = _directory()
    try:
        yield
    finally:
        os.umask(umask)
        if directory and _directory() != directory:
            os.chdir(directory)


def _directory() -> str:
    """Return the working directory; empty = it is gone."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""
