"""The load balancers of `deploy/`: their programs, and certificates for them."""

from pathlib import Path

from tests import certificates

#: The Debian packages of each program and of its libraries that a minimal system lacks.
PACKAGES = {
    "nginx": ("nginx", "nginx-common", "libpcre2-8-0"),
    "haproxy": (
        "haproxy",
        "liblua5.3-0",
        "liblua5.4-0",
        "libopentracing-c-wrapper0",
        "libopentracing-c-wrapper0t64",
        "libopentracing1",
    ),
}

#: Folders for temporary files, which the packages of nginx would create.
_NGINX_FOLDERS = "".join(
    f"    {what}_temp_path {what};\n"
    for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


def movable_nginx(text: str) -> str:
    """Return a configuration of nginx that writes into its own folder only."""
    return text.replace("http {\n", "pid nginx.pid;\n\nhttp {\n" + _NGINX_FOLDERS, 1)


def write_certificate(folder: Path, *, joined: bool) -> Path:
    """Write a certificate and its key into a folder, as nginx wants them, or `joined` in one file, as HAProxy does.

    Returns the file of the certificate.
    """
    folder.mkdir(parents=True)
    certificate, key = certificates.make(folder, "fullchain", "localhost", "127.0.0.1")
    if joined:
        certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
        key.unlink()
    else:
        key.rename(folder / "privkey.pem")
    return certificate
