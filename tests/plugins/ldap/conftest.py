"""Two directories with the same people: one in pure Python, always, and OpenLDAP's, where it can be had."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.ldap import certificates, slapd
from tests.skipped_dependencies import NO_SLAPD

from portico.testing import InProcessApp

HERE = Path(__file__).parent
PEOPLE = HERE / "people.ldif"


@dataclass(frozen=True)
class Place:
    """Where a directory listens. `plain`: in the clear, where StartTLS works; `ca`: who vouches for it."""

    plain: int
    encrypted: int
    ca: Path
    host: str = "localhost"

    def settings(self, **more: str) -> dict[str, str]:
        """What an operator sets to use it; encrypted from the first byte."""
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
    """A certificate for this machine, and its key."""
    return certificates.make(
        tmp_path_factory.mktemp("certificate"), "directory", "localhost", "127.0.0.1"
    )


@pytest.fixture(scope="session")
def pure(certificate: tuple[Path, Path]) -> Iterator[Place]:
    command = [sys.executable, "-W", "ignore", HERE / "python_server.py", PEOPLE, *certificate]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            plain, encrypted = map(int, process.stdout.readline().split())
            yield Place(plain, encrypted, certificate[0])
        finally:
            process.kill()


@pytest.fixture(scope="session")
def openldap(
    pytestconfig: pytest.Config,
    certificate: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    if given := slapd.given():
        yield Place(given.plain, given.encrypted, given.ca, given.host)
        return
    assert pytestconfig.cache is not None
    found = slapd.installed(pytestconfig.cache.mkdir("slapd"))
    if found is None:
        pytest.skip(NO_SLAPD)
    home = tmp_path_factory.mktemp("slapd")
    with slapd.running(found, PEOPLE, *certificate, home) as (plain, encrypted):
        yield Place(plain, encrypted, certificate[0])


@pytest.fixture(params=["pure", "openldap"])
def directory(request: pytest.FixtureRequest) -> Place:
    """A directory."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def opened(env: dict[str, str]) -> Iterator[Any]:
    """`opened(settings)`: the house of this test with these settings; the one before is closed."""
    apps: list[InProcessApp] = []

    def open_house(settings: dict[str, str]) -> InProcessApp:
        for before in apps:
            before.close()
        apps[:] = [InProcessApp(env | settings)]
        return apps[0]

    yield open_house
    for app in apps:
        app.close()
