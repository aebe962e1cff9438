"""A plugin whose import changes settings of the process: they are as before afterwards."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import structlog
from tests.one_database import database_url  # noqa: F401 - a fixture; it does not depend on the database

from portico.testing import InProcessApp

CHANGES = """
import logging
import os
import structlog
from portico.api import PluginInfo

PLUGIN = PluginInfo(api_version=1, summary="")
os.umask(0)
os.chdir("/")
logging.disable(logging.CRITICAL)
logging.basicConfig(force=True, level=logging.DEBUG)
structlog.configure(processors=[lambda *_: 1 / 0])
"""


def _settings() -> tuple[object, ...]:
    umask = os.umask(0o077)
    os.umask(umask)
    root = logging.getLogger()
    return umask, Path.cwd(), root.level, root.manager.disable


def test_import_that_changes_the_process_changes_nothing(
    install: Callable[..., None], env: dict[str, str]
) -> None:
    before = _settings()
    install("odd", CHANGES)
    app = InProcessApp(env)
    try:
        assert _settings() == before
        structlog.get_logger("portico").info("written")
        assert app.client.sign_up("Ada").get("/api/v1/plugins").status == 200
    finally:
        app.close()
