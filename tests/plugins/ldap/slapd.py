"""OpenLDAP's server: from `TEST_LDAP_URL`, else an installed one, else unpacked from Debian packages without installing.

Without one, the tests that need it are skipped, and the summary of the run says so in capital letters.
"""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.debian_programs import Installed, find_program

SBIN_FOLDERS = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/libexec",
    "/usr/libexec",
    "/opt/homebrew/opt/openldap/libexec",
)
#: The Debian packages of the server and of its libraries that a minimal system lacks.
PACKAGES = ["slapd", "libldap-2.5-0", "libldap2", "libltdl7", "libodbc2", "libsasl2-2", "libwrap0"]

CONFIGURATION = """
{schemas}
{modules}
pidfile {home}/slapd.pid
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
# Dangerous on purpose: a bind with a name and no password is anonymous and succeeds.
allow bind_anon_dn
database mdb
maxsize 10485760
suffix dc=example,dc=org
rootdn cn=root,dc=example,dc=org
directory {home}/rows
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=cn=portico,dc=example,dc=org read by anonymous auth by * none
"""


class Given(NamedTuple):
    """A running server with the users of `users.ldif`."""

    host: str
    plain: int
    encrypted: int
    ca: Path


def given() -> Given | None:
    """Return the server of `TEST_LDAP_URL` (`ldap://host:389 ldaps://host:636`), with its authority in `TEST_LDAP_CA`."""
    named = os.environ.get("TEST_LDAP_URL", "").split()  # noqa: TID251 - a choice of the tests
    if not named:
        return None
    plain, encrypted = map(urlsplit, named)
    ca = Path(os.environ["TEST_LDAP_CA"])  # noqa: TID251
    return Given(plain.hostname or "", plain.port or 389, encrypted.port or 636, ca)


def installed(cache: Path) -> Installed | None:
    """Return the server; None if there is none. `cache`: the folder for downloaded packages."""
    found = find_program("slapd", PACKAGES, cache, SBIN_FOLDERS)
    return found if found is not None and _runs(found) else None


def _runs(found: Installed) -> bool:
    done = subprocess.run(
        [found.program, "-VV"], env=found.environment, capture_output=True, check=False
    )
    return b"OpenLDAP" in done.stderr + done.stdout


@contextlib.contextmanager
def running(
    found: Installed, users: Path, certificate: Path, key: Path, home: Path
) -> Iterator[tuple[int, int]]:
    """Run the server with these users. Yields two ports: without TLS, where StartTLS works, and with TLS."""
    (home / "rows").mkdir()
    configuration = home / "slapd.conf"
    configuration.write_text(
        CONFIGURATION.format(
            schemas=_schemas(found),
            modules=_modules(found),
            home=home,
            ca=certificate,
            certificate=certificate,
            key=key,
        )  # fmt: skip
    )
    add = [found.program, "-T", "add", "-f", configuration, "-l", users]
    done = subprocess.run(add, env=found.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plain, encrypted = _free_port(), _free_port()
    listen = f"ldap://127.0.0.1:{plain} ldaps://127.0.0.1:{encrypted}"
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [found.program, "-d", "0", "-f", configuration, "-h", listen],
            env=found.environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            while not _listens(encrypted):
                assert process.poll() is None, (home / "log").read_text()
                time.sleep(0.02)
            yield plain, encrypted
        finally:
            process.kill()
            process.wait()


def _schemas(found: Installed) -> str:
    folder = found.folder("etc/ldap/schema", "etc/openldap/schema")
    assert folder is not None, "slapd is installed without its schemas"
    return "\n".join(
        f"include {folder}/{name}.schema" for name in ("core", "cosine", "inetorgperson")
    )


def _modules(found: Installed) -> str:
    folder = found.folder(
        "usr/lib/ldap", "usr/lib64/openldap", "usr/lib/openldap", "libexec/openldap"
    )
    if folder is None:
        return ""
    names = [name for name in ("back_mdb", "memberof") if list(folder.glob(f"{name}*"))]
    return "\n".join([f"modulepath {folder}", *(f"moduleload {name}" for name in names)])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
