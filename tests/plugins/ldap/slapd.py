"""OpenLDAP's own server: the one that `TEST_LDAP_URL` names, else found on the machine, else taken from Debian's archive without installing anything.

Where there is none, the tests that need it are left out, and the summary of the run says so in capital letters.
"""

import contextlib
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

PLACES = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/libexec",
    "/usr/libexec",
    "/opt/homebrew/opt/openldap/libexec",
)
#: Debian's names for it and for what it stands on, as far as a bare system has it not.
PACKAGES = ["slapd", "libldap-2.5-0", "libldap2", "libltdl7", "libodbc2", "libsasl2-2", "libwrap0"]
APT = ["apt-get", "-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=5", "download"]

CONFIGURATION = """
{schemas}
{modules}
pidfile {home}/slapd.pid
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
# The trap: a name without a password is let in as nobody, and the answer is "success".
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
    """Where it is. `root`: what its paths begin with; empty for one that was installed."""

    program: Path
    root: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        if self.root is None:
            return dict(os.environ)  # noqa: TID251 - what runs is not Portico
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
    """A server that runs already, with the people of `people.ldif`."""

    host: str
    plain: int
    encrypted: int
    ca: Path


def given() -> Given | None:
    """The one that `TEST_LDAP_URL` names, as `ldap://host:389 ldaps://host:636`, with its authority in `TEST_LDAP_CA`."""
    named = os.environ.get("TEST_LDAP_URL", "").split()  # noqa: TID251 - a choice of the tests
    if not named:
        return None
    plain, encrypted = map(urlsplit, named)
    ca = Path(os.environ["TEST_LDAP_CA"])  # noqa: TID251
    return Given(plain.hostname or "", plain.port or 389, encrypted.port or 636, ca)


def installed(cache: Path) -> Installed | None:
    """The server, if there is one here or to be had. `cache`: where what was fetched stays for the next run."""
    path = os.environ.get("PATH", "")  # noqa: TID251 - a choice of the tests
    for place in (*path.split(":"), *PLACES):
        if (program := Path(place) / "slapd").is_file():
            return Installed(program)
    root = cache / "root"
    if not (root / "usr/sbin/slapd").is_file():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            _fetch(root)
    found = Installed(root / "usr/sbin/slapd", root)
    return found if found.program.is_file() and _runs(found) else None


def _fetch(root: Path) -> None:
    """Debian's packages, laid out in a folder: nobody has to be root, and nothing on the machine changes."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        for package in PACKAGES:
            # One that this release does not have is none that it needs.
            subprocess.run(
                [*APT, package], cwd=scratch, timeout=20, check=False, capture_output=True
            )
            if package == "slapd" and not list(Path(scratch).glob("*.deb")):
                return
        for archive in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, f"{scratch}/root"], timeout=20, check=True)
        with contextlib.suppress(OSError):  # another worker was faster
            os.rename(f"{scratch}/root", root)


def _runs(found: Installed) -> bool:
    done = subprocess.run(
        [found.program, "-VV"], env=found.environment, capture_output=True, check=False
    )
    return b"OpenLDAP" in done.stderr + done.stdout


@contextlib.contextmanager
def running(
    found: Installed, people: Path, certificate: Path, key: Path, home: Path
) -> Iterator[tuple[int, int]]:
    """The server with these people. Yields two ports: in the clear, where StartTLS works, and encrypted."""
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
    add = [found.program, "-T", "add", "-f", configuration, "-l", people]
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
    assert folder is not None, "slapd is here, and its schemas are not"
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
