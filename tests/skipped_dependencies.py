"""Reports tests that were skipped because a dependency is missing, at the end of a test run."""

import pytest

NO_SLAPD = "slapd is not installed and could not be downloaded"
NO_PGBOUNCER = "pgbouncer is not installed and could not be downloaded"
NO_PROXY = "nginx or haproxy is not installed and could not be downloaded"
NO_BROWSER = "chromium is not installed and could not be downloaded"
NO_PROMTOOL = "promtool is not installed and could not be downloaded"
NO_NODE = "node or npm is not installed, or the client library could not be downloaded"


#: What was not tested, the reason, and what to do.
MISSING = (
    (
        "OPENLDAP",
        NO_SLAPD,
        "INSTALL IT (DEBIAN: apt-get install slapd) OR LET apt-get download REACH AN ARCHIVE.",
    ),
    (
        "PGBOUNCER",
        NO_PGBOUNCER,
        "INSTALL IT (DEBIAN: apt-get install pgbouncer) OR LET apt-get download REACH AN ARCHIVE.",
    ),
    (
        "NGINX OR HAPROXY",
        NO_PROXY,
        "INSTALL THEM (DEBIAN: apt-get install nginx haproxy) OR LET apt-get download REACH AN ARCHIVE.",
    ),
    (
        "A BROWSER",
        NO_BROWSER,
        "INSTALL IT (DEBIAN: apt-get install chromium) OR LET apt-get download REACH AN ARCHIVE.",
    ),
    (
        "PROMETHEUS",
        NO_PROMTOOL,
        "INSTALL IT (DEBIAN: apt-get install prometheus) OR LET apt-get download REACH AN ARCHIVE.",
    ),
    (
        "JAVASCRIPT CLIENTS (SOCKET.IO, OPENAI)",
        NO_NODE,
        "INSTALL THEM (DEBIAN: apt-get install nodejs npm) AND LET npm REACH A REGISTRY.",
    ),
)


#: The name of a property of tests that ran with something else than what they are for, and what it was.
REPLACED = "replaced dependency"
NO_OTHER_USER = (
    "processes of the image ran as the user of the tests: no other one may run its Python"
)
NO_HAPROXY = "a load balancer in Python took the place of HAProxy, which could not be downloaded"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, [])]
    replaced = {
        str(value)
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == REPLACED
    }
    for text in sorted(replaced):
        terminalreporter.section("NOT TESTED AS DEPLOYED", sep="!", red=True, bold=True)
        terminalreporter.line(text.upper(), red=True, bold=True)
    for what, reason, advice in MISSING:
        left_out = [
            report
            for report in terminalreporter.stats.get("skipped", [])
            if reason in str(report.longrepr)
        ]
        if left_out:
            title = f"NOT TESTED AGAINST {what}"
            terminalreporter.section(title, sep="!", red=True, bold=True)
            line = f"{len(left_out)} TESTS WERE SKIPPED: {reason.upper()}. {advice}"
            terminalreporter.line(line, red=True, bold=True)
