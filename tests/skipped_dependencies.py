"""Reports tests that were skipped because a dependency is missing, at the end of a test run."""

import pytest

NO_SLAPD = "slapd is not installed and could not be downloaded"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if NO_SLAPD in str(report.longrepr)
    ]
    if left_out:
        terminalreporter.section("NOT TESTED AGAINST OPENLDAP", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(left_out)} TESTS WERE SKIPPED: {NO_SLAPD.upper()}. "
            "INSTALL IT (DEBIAN: apt-get install slapd) OR LET apt-get download REACH AN ARCHIVE.",
            red=True,
            bold=True,
        )
