"""Files of models that administrators bring to an Ollama server."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from tests.ollama_server import OllamaServer
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Connection, Received

from portico.testing import Client, InProcessApp, Response

CONTENT = bytes(range(256)) * 20_000  # over four blocks
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class FileServer(OllamaServer):
    """A server with one file, to which another address redirects."""

    async def _respond(self, connection: Connection, request: Received) -> None:
        match request.path:
            case "/moved.gguf":
                await connection.answer(b"", 302, location=f"{self.url}/My%20Model.gguf")
            case "/My%20Model.gguf":
                await connection.answer(CONTENT, kind="application/octet-stream")
            case _:
                await connection.answer(b"no", 404, "text/plain")


@pytest.fixture
def files(app: InProcessApp, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server that stands for the allowed hosts."""
    with ExitStack() as opened:
        server = opened.enter_context(FileServer())
        monkeypatch.setattr("portico_ollama.model_upload.ALLOWED_URLS", (server.url,))
        [ours] = [one for one in app.portico.contributions if one.plugin_name == "ollama"]
        http = ours.components.files._app.safe_http
        monkeypatch.setattr(http, "download", partial(http.download, https_only=False))
        yield server


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """Settings with which this machine may be asked."""
    return env | {"PORTICO_HTTP_CLIENT_ALLOWED_HOSTS": "127.0.0.1"}


def events(response: Response) -> list[Any]:
    """The events of a stream."""
    assert response.headers["content-type"].startswith("text/event-stream"), response
    found = response.body.decode().split("\n\n")
    return [json.loads(event[6:]) for event in found if event not in ("", "data: [DONE]")]


def form(name: str, content: bytes) -> dict[str, Any]:
    """A form with one file, as browsers send it."""
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return {
        "headers": {"content-type": "multipart/form-data; boundary=b"},
        "body": head.encode() + content + b"\r\n--b--\r\n",
    }


def test_file_of_a_form_becomes_a_model(admin: Client, ollama: OllamaServer) -> None:
    answer = admin.request("POST", "/ollama/models/upload", **form("My Model.gguf", CONTENT))
    progress, done = events(answer)
    assert progress == {"progress": 100.0, "completed": len(CONTENT), "total": len(CONTENT)}
    assert done == {
        "done": True,
        "blob": DIGEST,
        "name": "My Model.gguf",
        "model_created": "my-model",
    }
    [blob] = ollama.received(f"/api/blobs/{DIGEST}")
    assert blob.body == CONTENT
    assert ollama.received("/api/create")[0].json == {
        "model": "my-model",
        "files": {"My Model.gguf": DIGEST},
        "stream": False,
    }
    names = [model["name"] for model in admin.get("/ollama/api/tags").json["models"]]
    assert "my-model:latest" in names


@pytest.mark.parametrize(
    "given",
    [
        {"json": {"file": "x"}},
        {"body": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        {"body": b"--b--\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        {"body": b"x", "headers": {"content-type": "multipart/form-data"}},
        {"body": form("a", b"x")["body"][:-9], "headers": form("a", b"x")["headers"]},
    ],
)
def test_form_without_a_whole_file_is_refused(
    admin: Client, ollama: OllamaServer, given: Any
) -> None:
    refused = admin.request("POST", "/ollama/models/upload", **given)
    assert (refused.status, refused.detail) == (400, "The form has no file.")
    assert not [one for one in ollama.requests if one.method == "POST"]


def test_file_is_downloaded_with_its_progress(
    admin: Client, ollama: OllamaServer, files: FileServer
) -> None:
    answer = admin.post("/ollama/models/download", {"url": f"{files.url}/moved.gguf"})
    *progress, done = events(answer)
    assert done == {"done": True, "blob": DIGEST, "name": "moved.gguf"}
    assert progress[-1] == {
        "progress": 100.0,
        "completed": len(CONTENT),
        "total": len(CONTENT),
    }
    assert len(progress) >= 4
    assert ollama.received(f"/api/blobs/{DIGEST}")[0].body == CONTENT


def test_download_that_fails_ends_with_an_error(admin: Client, files: FileServer) -> None:
    [failed] = events(admin.post("/ollama/models/download", {"url": f"{files.url}/absent"}))
    assert failed["error"]["message"] == "This address could not be fetched."


@pytest.mark.case("AB-45")
@pytest.mark.parametrize(
    "url",
    [
        "http://huggingface.co/x",
        "https://huggingface.co.evil.example/x",
        "https://user@github.com/x",
        "https://evil.example/https://github.com/",
        "file:///etc/passwd",
    ],
)
def test_download_from_another_host_is_refused(admin: Client, url: str) -> None:
    refused = admin.post("/ollama/models/download", {"url": url})
    assert (refused.status, refused.detail) == (
        400,
        "Invalid file_url. Only URLs from allowed hosts are permitted.",
    )


def test_files_are_brought_by_administrators_only(user: Client, ollama: OllamaServer) -> None:
    upload = user.request("POST", "/ollama/models/upload", **form("a", b"x"))
    download = user.post("/ollama/models/download", {"url": "https://github.com/x"})
    assert upload.status == download.status == 403
    assert not [one for one in ollama.requests if one.method == "POST"]
