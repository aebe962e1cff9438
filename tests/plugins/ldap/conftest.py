"""Two LDAP servers with the same users: one in Python, always, and OpenLDAP, if it is available."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests import certificates
from tests.database_templates import Templates
from tests.plugins.ldap import slapd
from tests.skipped_dependencies import NO_SLAPD

from portico.boot import Application
from portico.testing import InProcessApp

HERE = Path(__file__).parent
USERS_FILE = HERE / "users.ldif"


@dataclass(frozen=True)
class LdapTestServer:
    """Where an LDAP server listens. `plain`: without TLS, where StartTLS works; `ca`: the certificate of its authority."""

    plain: int
    encrypted: int
    ca: Path
    host: str = "localhost"

    def settings(self, **more: str) -> dict[str, str]:
        """Return the settings to use it, with ldaps."""
        return {
            "ENABLE_LDAP": "true",
            "LDAP_SERVER_HOST": self.host,
            "LDAP_SERVER_PORT": str(self.encrypted),
            "LDAP_CA_CERT_FILE": str(self.ca),
            "LDAP_APP_DN": "cn=portico,dc=example,dc=org",
            "LDAP_APP_PASSWORD": "app-secret",
            "LDAP_SEARCH_BASE": "dc=example,dc=org",
            **more,
        }


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this host, and its key."""
    return certificates.make(
        tmp_path_factory.mktemp("certificate"), "directory", "localhost", "127.0.0.1"
    )


@pytest.fixture(scope="session")
def python_server(certificate: tuple[Path, Path]) -> Iterator[LdapTestServer]:
    command = [sys.executable, "-W", "ignore", HERE / "python_server.py", USERS_FILE, *certificate]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            plain, encrypted = map(int, process.stdout.readline().split())
            yield LdapTestServer(plain, encrypted, certificate[0])
        finally:
            process.kill()


@pytest.fixture(scope="session")
def openldap(
    pytestconfig: pytest.Config,
    certificate: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LdapTestServer]:
    if given := slapd.given():
        yield LdapTestServer(given.plain, given.encrypted, given.ca, given.host)
        return
    assert pytestconfig.cache is not None
    found = slapd.installed(pytestconfig.cache.mkdir("debian"))
    if found is None:
        pytest.skip(NO_SLAPD)
    home = tmp_path_factory.mktemp("slapd")
    with slapd.running(found, USERS_FILE, *certificate, home) as (plain, encrypted):
        yield LdapTestServer(plain, encrypted, certificate[0])


@pytest.fixture(params=["python_server", "openldap"])
def ldap_server(request: pytest.FixtureRequest) -> LdapTestServer:
    """Each of the two LDAP servers."""
    found: LdapTestServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def start_app(env: dict[str, str], templates: Templates) -> Iterator[Any]:
    """`start_app(settings)`: start the application with these settings; the previous one is closed."""
    apps: list[InProcessApp] = []

    def prepare(portico: Application) -> None:
        settings = portico.settings
        templates.create(settings.database.url, Path(settings.data_dir), portico.table_sets)

    def start(settings: dict[str, str]) -> InProcessApp:
        for previous in apps:
            previous.close()
        apps[:] = [InProcessApp(env | settings, prepare)]
        return apps[0]

    yield start
    for app in apps:
        app.close()
