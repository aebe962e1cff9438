"""What a run had to do without, said at its end where nobody can miss it."""

import pytest

NO_SLAPD = "there is no slapd here, and none could be fetched"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if NO_SLAPD in str(report.longrepr)
    ]
    if left_out:
        terminalreporter.section("NOT TESTED AGAINST OPENLDAP", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(left_out)} TESTS WERE LEFT OUT: {NO_SLAPD.upper()}. "
            "INSTALL IT (DEBIAN: apt-get install slapd) OR LET apt-get download REACH AN ARCHIVE.",
            red=True,
            bold=True,
        )
