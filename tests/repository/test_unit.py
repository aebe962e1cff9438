"""The unit that has systemd run a server."""

from pathlib import Path


def test_systemd_unit_restarts_until_the_database_is_available() -> None:
    unit = Path(__file__).parents[2].joinpath("deploy/systemd/portico.service").read_text()
    lines = unit.splitlines()
    assert "Restart=on-failure" in lines
    assert "StartLimitIntervalSec=0" in lines[: lines.index("[Service]")]  # systemd reads it there
    assert [line for line in lines if line.startswith("RestartSec=")]
    assert "KillMode=mixed" in lines
