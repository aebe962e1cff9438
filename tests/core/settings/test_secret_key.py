"""The secret key that signs session tokens: weak, missing and mismatched keys."""

import logging
import multiprocessing
import os
import secrets
import stat
from multiprocessing.queues import Queue
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.settings.identity import IdentitySettings
from portico.settings.problems import BadSettings
from portico.settings.schema import CoreSettings
from portico.settings.secret_key import (
    FILE_NAME,
    SecretKeyMismatch,
    WeakSecret,
    ensure_same_secret,
    ensure_secret_key,
    secret_fingerprint,
    weakness_of,
)
from portico.settings.section import Secret

STRONG = Secret("q7Jp-0vZkX2mWb9dTn4sLh8rYf6cGe1u")


def configured(secret: Secret) -> CoreSettings:
    return CoreSettings(identity=IdentitySettings(secret_key=secret))


NONE = configured(Secret())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.case("AB-84")
def test_missing_secret_is_created_with_mode_0600(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "deep"
    secret = ensure_secret_key(NONE, folder)
    assert weakness_of(secret.reveal()) == ""
    assert mode(folder / FILE_NAME) == 0o600
    assert mode(folder) == 0o700
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


@pytest.mark.case("AB-84")
def test_umask_does_not_change_the_mode(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ensure_secret_key(NONE, tmp_path)
    finally:
        os.umask(before)
    assert mode(tmp_path / FILE_NAME) == 0o600


@pytest.mark.case("AB-84")
def test_next_start_reads_the_same_secret(tmp_path: Path) -> None:
    assert ensure_secret_key(NONE, tmp_path) == ensure_secret_key(NONE, tmp_path)


@pytest.mark.case("AB-84")
def test_configured_secret_is_used_and_no_file_is_written(tmp_path: Path) -> None:
    assert ensure_secret_key(configured(STRONG), tmp_path) == STRONG
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("weak", "why"),
    [
        ("changeme", "has 8 bytes"),
        ("12345678", "has 8 bytes"),
        ("t0p-s3cr3t", "has 10 bytes"),
        ("a" * 64, "different characters"),
        ("abcabcd" * 9, "different characters"),
        ("t0p-s3cr3t" * 4, "repeats itself"),
        ("q7Jp-0vZ" * 8, "repeats itself"),
        ("change-this-secret-key-t0p-s3cr3t", "well-known words"),
        ("0123456789abcdefghijklmnopqrstuvwxyz", "well-known words"),
        ("é" * 15, "has 30 bytes"),
    ],
)
@pytest.mark.case("AB-84")
def test_weak_secret_is_refused_with_advice(tmp_path: Path, weak: str, why: str) -> None:
    with pytest.raises(WeakSecret, match=why) as caught:
        ensure_secret_key(configured(Secret(weak)), tmp_path)
    sentence = str(caught.value)
    assert sentence.startswith("identity.secret_key (WEBUI_SECRET_KEY): is too weak: ")
    assert 'python -c "import secrets; print(secrets.token_urlsafe(48))"' in sentence
    assert weak not in sentence


@pytest.mark.parametrize("make", [secrets.token_urlsafe, secrets.token_hex])
@pytest.mark.case("AB-84")
def test_random_secret_is_never_weak(make: object) -> None:
    assert callable(make)
    assert {weakness_of(make(32)) for _ in range(2000)} == {""}


@given(st.text(max_size=31).filter(lambda text: len(text.encode()) < 32))
@pytest.mark.case("AB-84")
def test_short_secret_is_refused(short: str) -> None:
    assert weakness_of(short)


@pytest.mark.case("AB-84")
def test_weak_secret_in_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("changeme\n")
    with pytest.raises(WeakSecret, match=f"{FILE_NAME}: is too weak"):
        ensure_secret_key(NONE, tmp_path)


@pytest.mark.case("AB-84")
def test_readable_file_is_restricted_with_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = ensure_secret_key(NONE, tmp_path)
    (tmp_path / FILE_NAME).chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert ensure_secret_key(NONE, tmp_path) == secret
    assert mode(tmp_path / FILE_NAME) == 0o600
    assert "could be read by other users (mode 0644)" in caplog.text
    assert secret.reveal() not in caplog.text


def test_invalid_secret_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    os.mkfifo(path)
    with pytest.raises(BadSettings, match="is not a regular file"):
        ensure_secret_key(NONE, tmp_path)
    path.unlink()
    path.write_bytes(b"\xff" * 64)
    with pytest.raises(BadSettings, match="is not text"):
        ensure_secret_key(NONE, tmp_path)


def test_unusable_data_directory_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match="Not a directory; set WEBUI_SECRET_KEY instead"):
        ensure_secret_key(NONE, tmp_path / "file")


def test_file_system_without_links_is_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(BadSettings, match="set WEBUI_SECRET_KEY instead"):
        ensure_secret_key(NONE, tmp_path)
    assert list(tmp_path.iterdir()) == []


def _start(folder: Path, answers: "Queue[str]") -> None:
    answers.put(ensure_secret_key(NONE, folder).reveal())


@pytest.mark.case("AB-84")
def test_concurrent_starts_get_one_secret(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_start, args=(tmp_path, answers)) for _ in range(12)]
    for process in processes:
        process.start()
    found = {answers.get(timeout=20) for _ in processes}
    for process in processes:
        process.join()
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.case("AB-84")
def test_second_secret_for_one_database_is_refused() -> None:
    stored = secret_fingerprint(STRONG)
    ensure_same_secret(stored, STRONG)
    other = Secret(secrets.token_urlsafe(48))
    with pytest.raises(
        SecretKeyMismatch, match="the database was used with another secret key"
    ) as caught:
        ensure_same_secret(stored, other)
    assert "WEBUI_SECRET_KEY" in str(caught.value)
    assert other.reveal() not in str(caught.value)


def test_fingerprint_is_short_and_hides_the_secret() -> None:
    assert len(secret_fingerprint(STRONG)) == 16
    assert secret_fingerprint(STRONG) == secret_fingerprint(Secret(STRONG.reveal()))
