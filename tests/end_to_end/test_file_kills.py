"""A server process is killed while files are uploaded: no file is without its content, and no content without its file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.file_kills import SETTINGS, upload_under_kills

from portico.testing import ServerProcess


@pytest.mark.both_databases
@pytest.mark.slow
@pytest.mark.case("FT-01")
def test_killed_uploads_leave_neither_rows_nor_objects(
    servers: Callable[..., ServerProcess], env: dict[str, str]
) -> None:
    server = servers(**SETTINGS)
    outcome = upload_under_kills(
        server, Path(env["DATA_DIR"]) / "files", uploads=40, parallel=12, kills=1, size=1_500_000
    )
    assert outcome.is_right, outcome.text()
    assert outcome.acknowledged > 10
