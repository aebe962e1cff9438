"""The unit that has systemd run a server."""

from pathlib import Path


def test_the_unit_starts_again_for_as_long_as_the_database_takes() -> None:
    unit = Path(__file__).parents[2].joinpath("deploy/systemd/portico.service").read_text()
    lines = unit.splitlines()
    assert "Restart=on-failure" in lines
    assert "StartLimitIntervalSec=0" in lines[: lines.index("[Service]")]  # systemd reads it there
    assert [line for line in lines if line.startswith("RestartSec=")]
    assert "KillMode=mixed" in lines
