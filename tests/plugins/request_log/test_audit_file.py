"""The file of requests that change something."""

import json
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Upstream

from portico.testing import Client, InProcessApp
from portico_request_log.components import RequestLogPlugin, size_in_bytes
from portico_request_log.masks import masked
from portico_request_log.rotating_file import RotatingFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "requests.log"


@pytest.fixture
def env(env: dict[str, str], file: Path, upstream: Upstream) -> dict[str, str]:
    return (
        env
        | upstream.environment
        | {"AUDIT_LOG_LEVEL": "REQUEST_RESPONSE", "AUDIT_LOGS_FILE_PATH": str(file)}
    )


def entries(app: InProcessApp, file: Path) -> list[dict[str, Any]]:
    """What has been recorded until now."""
    [plugin] = [
        one.components for one in app.portico.contributions if one.plugin_name == "request_log"
    ]
    assert isinstance(plugin, RequestLogPlugin)
    app.run(plugin.close)
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.case("AB-85")
def test_change_is_recorded_in_one_line_with_masked_secrets(
    admin: Client, app: InProcessApp, file: Path
) -> None:
    form = {
        "name": "Eve\n\x1b[31mforged\u2028",
        "email": "eve@example.org",
        "password": "correct horse battery",
        "role": "user",
    }
    assert admin.post("/api/v1/auths/add?token=hunter2", form).status == 200
    admin.get("/api/v1/users/")
    text = file.read_text() if entries(app, file) else ""
    [*_, entry] = entries(app, file)
    assert text.isascii() and len(text.splitlines()) == len(text.split("\n")) - 1
    assert entry["verb"] == "POST" and entry["request_uri"] == "/api/v1/auths/add?token=********"
    assert entry["response_status_code"] == 200 and entry["audit_level"] == "REQUEST_RESPONSE"
    assert entry["user"]["id"] == admin.account["id"]
    assert entry["request_object"] == form | {"password": "********"}
    assert entry["response_object"]["token"] == "********"
    assert entry["response_object"]["email"] == "eve@example.org"
    for secret in ("correct horse", "hunter2", admin.token):
        assert secret not in text
    assert file.stat().st_mode & 0o777 == 0o600


def test_attempts_to_sign_in_are_recorded_and_other_public_requests_are_not(
    client: Client, app: InProcessApp, file: Path
) -> None:
    client.post("/api/v1/auths/signin", {"email": "a@example.org", "password": "hunter2"})
    client.post("/api/v1/auths/update/profile", {"name": "x"})
    [entry] = entries(app, file)
    assert entry["user"] is None and entry["response_status_code"] in (400, 401, 403)
    assert "hunter2" not in str(entry)


def test_prompts_of_a_stream_are_masked_and_excluded_paths_left_out(
    admin: Client, app: InProcessApp, file: Path
) -> None:
    body = {
        "model": "good",
        "messages": [{"role": "user", "content": "cholesterol"}],
        "stream": True,
    }
    assert b"word" in admin.post("/openai/chat/completions", body).body
    assert admin.post("/api/chat/completions", body).status == 200
    assert admin.post("/api/v1/chats/new", {"chat": {"title": "x"}}).status == 200
    found = [one for one in entries(app, file) if "auths" not in one["request_uri"]]
    assert [one["request_uri"] for one in found] == ["/openai/chat/completions"]
    assert found[0]["request_object"]["model"] == "good"
    assert "cholesterol" not in str(found)
    assert str(found[0]["response_object"]).startswith("[text/event-stream, ")


def test_body_that_is_too_large_is_recorded_by_its_size(
    admin: Client, app: InProcessApp, file: Path
) -> None:
    admin.post("/api/v1/memories/add", {"content": "x" * 3000})
    *_, entry = entries(app, file)
    assert entry["request_object"].endswith("bytes, more than MAX_BODY_LOG_SIZE]")
    assert "xxx" not in str(entry)


def test_requests_are_answered_while_the_file_cannot_be_written(
    admin: Client, app: InProcessApp, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    entries(app, file)
    file.unlink(missing_ok=True)
    file.mkdir()
    for _ in range(3):
        assert admin.post("/api/v1/auths/update/timezone", {"timezone": "UTC"}).status == 200
    [plugin] = [c.components for c in app.portico.contributions if c.plugin_name == "request_log"]
    app.run(plugin.close)
    ready = app.client.get("/ready")
    assert ready.status == 200 and "request_log_file" in ready.body.decode()
    assert capfd.readouterr().err.count("requests are not recorded") == 1
    file.rmdir()
    assert admin.post("/api/v1/auths/update/timezone", {"timezone": "UTC"}).status == 200
    assert len(entries(app, file)) == 1


def test_masks_show_ids_and_flags_and_no_secret_or_text() -> None:
    document = {
        "id": "b1f2-42", "enabled": True, "count": 3, "model": "llama3.1:8b", "name": "Ann Lee",
        "OPENAI_API_KEYS": ["sk-1234567890abcdef"], "config": {"0": {"headers": {"X-A": "b"}}},
        "url": "https://user:pw@hooks.example.org/T000/B000?x=1", "plain": "http://h.example.org",
        "prompt": "word", "messages": [{"role": "user", "content": ["a"], "n": 1}], "remark": "two words",
        "odd": "sk-abcdef", "a key with words": 1, "max_tokens": 5, "access_token": {"value": "x"},
        "tokens": ["a1"], "value": "f" * 64, "dsn": "postgresql://ann:pw@db/x",
        "file_id": "0f8f5d5e-8e4b-4a0c-9f0e-2f4d8d0c9b11",
    }  # fmt: skip
    shown = masked(document)
    assert shown == {
        "id": "b1f2-42", "enabled": True, "count": 3, "model": "llama3.1:8b", "name": "Ann Lee",
        "OPENAI_API_KEYS": "********", "config": {"0": {"headers": "********"}},
        "url": "https://hooks.example.org/********", "plain": "http://h.example.org",
        "prompt": "******** (4 characters)",
        "messages": [{"role": "******** (4 characters)", "content": ["******** (1 characters)"], "n": 1}],
        "remark": "******** (9 characters)", "odd": "******** (9 characters)", "********": 1,
        "max_tokens": 5, "access_token": "********", "tokens": "********",
        "value": "******** (64 characters)", "dsn": "******** (24 characters)",
        "file_id": "0f8f5d5e-8e4b-4a0c-9f0e-2f4d8d0c9b11",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "size"),
    [("10MB", 10_000_000), ("512 kb", 512_000), ("7", 7), ("0", 0), ("1GiB", 10**9)],
)
def test_size_is_read_with_its_unit(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


def test_several_writers_rotate_one_file_without_losing_a_line(tmp_path: Path) -> None:
    path, count = tmp_path / "audit.log", 500
    writers = {word: RotatingFile(path, 2000) for word in "abc"}  # as of three processes
    for number in range(count):
        for word, file in writers.items():
            file.write(f'{{"by": "{word}", "n": {number}}}\n'.encode())
    for file in writers.values():
        file.close()
    files = list(tmp_path.glob("audit.log*"))
    lines = [json.loads(line) for one in files for line in one.read_text().splitlines()]
    assert len(files) > 1
    assert sorted((one["by"], one["n"]) for one in lines) == [
        (word, number) for word in "abc" for number in range(count)
    ]
    assert all(one.stat().st_mode & 0o777 == 0o600 for one in files)


def test_line_after_one_that_was_cut_off_is_whole(tmp_path: Path) -> None:
    path, line = tmp_path / "audit.log", b'{"text": "%s"}\n' % (b"a" * 60_000)
    file = RotatingFile(path, 0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # As on a disk that is full in the middle of the second line.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        file.write(line * 2)
        file.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert file.is_failing
    file.write(line)
    file.close()
    assert path.read_bytes().splitlines(keepends=True)[-1] == line
