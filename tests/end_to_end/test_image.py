"""The image of `deploy/Dockerfile` installs, serves and stops, as far as that can be seen without an image."""

import http.client
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import skipped_dependencies
from tests.deployment import DEPLOY, ROOT, let_through, read_compose, read_dockerfile
from tests.image import Image, build_image
from tests.redis_server import free_port

if TYPE_CHECKING:
    import subprocess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PATIENCE = 60.0


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Not in the folder of the tests, which other users cannot read.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield build_image(Path(folder))


@pytest.fixture
def says_what_is_missing(image: Image, record_property: Callable[[str, object], None]) -> None:
    if not image.may_change_user:
        record_property(skipped_dependencies.REPLACED, skipped_dependencies.NO_OTHER_USER)


@pytest.mark.usefixtures("says_what_is_missing")
def test_container_of_one_machine_serves_is_healthy_and_stops(image: Image, tmp_path: Path) -> None:
    service = read_compose(DEPLOY / "compose.yaml", {})["portico"]
    assert service.health is not None
    port = free_port()
    assert image.environment["HOST"] == "0.0.0.0"
    settings = service.environment | {"HOST": "127.0.0.1", "PORT": str(port)}
    log = tmp_path / "log"
    words = image.last.words("ENTRYPOINT") + (service.command or image.last.words("CMD"))
    assert not image.succeeds(service.health, settings, log)
    process = image.start(words, settings, log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not image.succeeds(service.health, settings, log):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        assert status(port, "/ready") == 200
        data = image.workdir / "portico.db"
        if image.may_change_user:
            assert identity_of(process) == data.stat().st_uid == image.user
    finally:
        process.send_signal(getattr(signal, image.last.all("STOPSIGNAL")[-1]))
        assert process.wait(PATIENCE) == 0, log.read_text()
    # The database and the secret key outlive the container, in the volume.
    assert image.inside(image.last.all("VOLUME")[-1]) == str(image.workdir)
    assert data.stat().st_size > 0


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def identity_of(process: "subprocess.Popen[bytes]") -> int:
    return Path(f"/proc/{process.pid}").stat().st_uid


def test_health_check_of_the_image_is_that_of_the_compose_files(image: Image) -> None:
    for name in ("compose.yaml", "compose.scale.yaml"):
        variables = {"WEBUI_SECRET_KEY": "x", "POSTGRES_PASSWORD": "x"}
        services = read_compose(DEPLOY / name, variables)
        serving = [
            one
            for one in services.values()
            if "health" in (one.health or ()) and one.name != "worker"
        ]
        assert {tuple(one.health or ()) for one in serving} == {
            tuple(image.last.words("HEALTHCHECK"))
        }
        ours = [one for one in services.values() if one.image == "portico"]
        assert all(
            one.document["read_only"] and one.document["cap_drop"] == ["ALL"] for one in ours
        )


def test_user_of_the_image_is_the_one_it_creates(image: Image) -> None:
    (created,) = [text for text in image.last.all("RUN") if text.startswith("useradd")]
    assert f"--uid {image.user} " in created
    assert image.user != 0


def test_image_is_built_from_the_sources_and_nothing_else() -> None:
    names = ["core/portico/app.py", "tests/conftest.py", "requirements/image.lock", ".venv/x.py", "core/x.pyc", "deploy/certs/key.pem", "requirements/test.lock"]  # fmt: skip
    assert let_through(names, ROOT / ".dockerignore") == {
        "core/portico/app.py",
        "requirements/image.lock",
    }


def test_compose_file_says_which_variable_is_missing() -> None:
    with pytest.raises(LookupError, match="WEBUI_SECRET_KEY: set it to the output of openssl"):
        read_compose(DEPLOY / "compose.scale.yaml", {"POSTGRES_PASSWORD": "x"})


def test_manifests_run_as_the_user_of_the_image(image: Image) -> None:
    for name in ("server", "worker", "migrate"):
        assert f"runAsUser: {image.user}" in (DEPLOY / "kubernetes" / f"{name}.yaml").read_text()
    assert len(read_dockerfile(DEPLOY / "Dockerfile")) == 2
