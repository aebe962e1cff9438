"""OpenLDAP's server: from `TEST_LDAP_URL`, else an installed one, else unpacked from Debian packages without installing.

Without one, the tests that need it are skipped, and the summary of the run says so in capital letters.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

SBIN_FOLDERS = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/libexec",
    "/usr/libexec",
    "/opt/homebrew/opt/openldap/libexec",
)
#: The Debian packages of the server and of its libraries that a minimal system lacks.
PACKAGES = ["slapd", "libldap-2.5-0", "libldap2", "libltdl7", "libodbc2", "libsasl2-2", "libwrap0"]
APT = ["apt-get", "-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=5", "download"]
#: Prints a line for each version that can be downloaded: `slapd | 2.5.13 | …`.
APT_KNOWN = ["apt-cache", "-qq", "madison"]

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


@dataclass(frozen=True)
class Installed:
    """The program of a server. `root`: the folder it was unpacked to; None for an installed one."""

    program: Path
    root: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        if self.root is None:
            return dict(os.environ)  # noqa: TID251 - for another program than Portico
        libraries = {str(path.parent) for path in self.root.rglob("lib*.so*")}
        return {
            **os.environ,  # noqa: TID251
            "LD_LIBRARY_PATH": ":".join(sorted(libraries)),
        }

    def folder(self, *candidates: str) -> Path | None:
        roots = [self.root] if self.root else [Path("/"), Path("/usr/local"), Path("/opt/homebrew")]
        found = (root / name for root in roots for name in candidates)
        return next((path for path in found if path.is_dir()), None)


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
    path = os.environ.get("PATH", "")  # noqa: TID251 - a choice of the tests
    for folder in (*path.split(":"), *SBIN_FOLDERS):
        if (program := Path(folder) / "slapd").is_file():
            return Installed(program)
    root = cache / "root"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker downloads, the others wait for it
        if not (root / "usr/sbin/slapd").is_file():
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                _fetch(root)
    found = Installed(root / "usr/sbin/slapd", root)
    return found if found.program.is_file() and _runs(found) else None


def _fetch(root: Path) -> None:
    """Unpack Debian packages into a folder; needs no root and changes nothing on the host."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return
    versions = subprocess.run([*APT_KNOWN, *PACKAGES], check=True, capture_output=True, text=True)
    known = {line.partition("|")[0].strip() for line in versions.stdout.splitlines()}
    if "slapd" not in known:
        return
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        # All at once, since apt reads the lists of all packages each time.
        subprocess.run([*APT, *known], cwd=scratch, timeout=30, check=True, capture_output=True)
        for archive in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, f"{scratch}/root"], timeout=20, check=True)
        os.rename(f"{scratch}/root", root)


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
