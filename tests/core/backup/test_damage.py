"""Backups that are cut short, changed, hostile or encrypted; processes that are killed while they make or restore one."""

import dataclasses
import io
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.core.backup.small_installation import SmallInstallation
from tests.effort import is_full
from tests.engines import ENCRYPTED

from portico.backup.content_index import ContentEntry, read_entry
from portico.backup.encoding import Encoder, decoded
from portico.backup.errors import BackupRefused, DamagedBackup, WrongPassphrase
from portico.backup.manifest import BackupManifest, EncodedManifest, StoredPart, encode_manifest
from portico.backup.passphrase import BackupKey, KeyDerivation
from portico.backup.policy_files import checked_policy_files
from portico.backup.storage.directory import BackupDirectory, path_below
from portico.errors import OperatorError

PASSPHRASE = b"correct horse battery staple"
#: Cheap, since a test derives a key for each change.
CHEAP = KeyDerivation("00" * 16, n=2)
NOISE = random.Random(1).randbytes(200_000)
#: Positions of a byte that is changed, and lengths to which a file is cut.
POSITIONS = 400 if is_full() else 6 if ENCRYPTED else 60


@pytest.fixture
def small(tmp_path: Path) -> SmallInstallation:
    found = SmallInstallation(tmp_path / "data")
    found.directory.mkdir()
    found.fill(a=b"content of a", b=NOISE[:3000], c=b"content of a")
    return found


@pytest.fixture
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portico.backup.creation.new_derivation", lambda: CHEAP)


def files_of(target: Path) -> list[Path]:
    found = [target] if target.is_file() else [p for p in target.rglob("*") if p.is_file()]
    return [path for path in found if path.stat().st_size]


@pytest.mark.usefixtures("cheap_keys")
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
@pytest.mark.parametrize("name", ["one.backup", "many/"])
def test_changed_or_shortened_backup_fails_verification(
    small: SmallInstallation, tmp_path: Path, name: str, passphrase: bytes | None
) -> None:
    target = f"{tmp_path}/{name}"
    small.back_up(target, passphrase)
    small.verify(target, passphrase)
    files = files_of(Path(target))
    total = sum(path.stat().st_size for path in files)
    chosen = random.Random(2)
    missed = []
    for path in files:
        data = path.read_bytes()
        number = max(6, POSITIONS * len(data) // total)
        positions = {0, len(data) - 1, *(chosen.randrange(len(data)) for _ in range(number))}
        changed = [(p, data[:p] + bytes([data[p] ^ 1]) + data[p + 1 :]) for p in positions]
        cut = [(p, data[:p]) for p in list(positions)[:6]]
        for position, other in (*changed, *cut, (len(data), data + b"\0")):
            path.write_bytes(other)
            try:
                small.verify(target, passphrase)
            except OperatorError:
                continue
            missed.append((path.name, position, len(other)))
        path.write_bytes(data)
    assert not missed
    small.verify(target, passphrase)


@pytest.mark.usefixtures("cheap_keys")
def test_encrypted_backup_shows_nothing_and_needs_its_passphrase(
    small: SmallInstallation, tmp_path: Path
) -> None:
    target = f"{tmp_path}/many/"
    small.back_up(target, PASSPHRASE)
    stored = b"".join(path.read_bytes() for path in files_of(Path(target)))
    assert b"content of" not in stored
    assert NOISE[:64] not in stored
    for wrong in (None, b"another passphrase"):
        with pytest.raises(WrongPassphrase):
            small.verify(target, wrong)
    with pytest.raises(BackupRefused, match="are encrypted"):
        small.back_up(target)
    small.back_up(target, PASSPHRASE)
    assert len(list((Path(target) / "contents").glob("*/*"))) == 2  # the same content has one name


def test_parts_of_an_encrypted_stream_cannot_be_exchanged_or_left_out() -> None:
    key, stored = BackupKey(PASSPHRASE, CHEAP), io.BytesIO()
    encoder = Encoder(stored, key)
    encoder.write(NOISE)
    encoder.finish()
    data, width = stored.getvalue(), 64 * 1024 + 16
    salt, chunks = data[:16], [data[16 + n : 16 + n + width] for n in range(0, len(data), width)]
    assert b"".join(decoded([data], key, len(NOISE))) == NOISE
    first, second, *rest = [one for one in chunks if one]
    for wrong in ([second, first, *rest], [first, second], [first, *rest], [first, first, *rest]):
        with pytest.raises(OperatorError):
            b"".join(decoded([salt, *wrong], key, len(NOISE)))


def test_part_that_grows_beyond_its_size_is_not_decompressed_further() -> None:
    stored = io.BytesIO()
    encoder = Encoder(stored, None)
    for _ in range(64):
        encoder.write(bytes(1024 * 1024))
    encoder.finish()
    found = 0
    with pytest.raises(DamagedBackup, match="larger"):
        for block in decoded([stored.getvalue()], None, 2 * 1024 * 1024):
            found += len(block)
    assert found <= 2 * 1024 * 1024


def altered(data: bytes, change: Callable[[BackupManifest], BackupManifest]) -> bytes:
    """Return an unencrypted manifest with a change, and with the right digest."""
    return encode_manifest(change(EncodedManifest(data).open(None)), None)


@pytest.mark.parametrize("place", ["../../data/portico.db", "/etc/passwd", "contents/../x", ""])
def test_manifest_cannot_name_a_part_outside_of_its_target(
    small: SmallInstallation, tmp_path: Path, place: str
) -> None:
    target = tmp_path / "many"
    made = small.back_up(f"{target}/")
    path = target / "backups" / made.id / "manifest"
    elsewhere = msgspec.structs.replace(made.database, place=place)
    path.write_bytes(
        altered(path.read_bytes(), lambda m: msgspec.structs.replace(m, database=elsewhere))
    )
    with pytest.raises(DamagedBackup, match="impossible name"):
        small.verify(f"{target}/")
    with pytest.raises(DamagedBackup):
        path_below(target, place)


def test_target_that_is_a_pipe_is_refused_at_once(small: SmallInstallation, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for use in (small.verify, small.back_up):
        with pytest.raises(BackupRefused, match="neither a regular file nor a directory"):
            use(str(tmp_path / "pipe"))


@pytest.mark.parametrize("key", ["../../evil", "/etc/passwd", "..", ".hidden", "", "a/b", "a\\0b"])
def test_backup_cannot_name_a_content_or_a_policy_file_elsewhere(key: str) -> None:
    part = StoredPart("contents/aa/" + "a" * 64, 1, "", 1, "")
    line = msgspec.json.encode(ContentEntry("tests:things", key, part))
    with pytest.raises(DamagedBackup):
        read_entry(line)
    with pytest.raises(DamagedBackup):
        checked_policy_files({f"{key}.csv" if key != ".." else "../x.csv": "text"})


def test_second_backup_copies_only_new_contents_and_old_ones_are_pruned(
    small: SmallInstallation, tmp_path: Path
) -> None:
    from portico.backup.pruning import prune

    target = f"{tmp_path}/many/"
    small.back_up(target)
    stored = {path: path.stat().st_mtime_ns for path in Path(target).glob("contents/*/*")}
    assert len(stored) == 2
    small.fill(d=b"new")
    small.with_database(lambda database: database.execute("DELETE FROM things WHERE id = 'b'"))
    small.back_up(target)
    again = {path: path.stat().st_mtime_ns for path in Path(target).glob("contents/*/*")}
    assert len(again) == 3
    assert all(again[path] == changed for path, changed in stored.items())
    storage = BackupDirectory(Path(target))
    assert prune(storage, 1, None) == 1
    assert len(storage.backup_ids()) == 1
    assert len(list(Path(target).glob("contents/*/*"))) == 2
    small.verify(target)


def test_restored_files_are_those_of_the_backup(small: SmallInstallation, tmp_path: Path) -> None:
    target = f"{tmp_path}/one.backup"
    small.back_up(target)
    before = small.contents()
    small.fill(d=b"added later")
    damaged = small.directory / "things" / "b" / "b"
    damaged.write_bytes(b"cut")
    other = SmallInstallation(tmp_path / "other")
    other.restore(target)
    assert (other.ids(), other.contents()) == (["a", "b", "c"], before)
    with pytest.raises(BackupRefused, match="--overwrite"):
        other.restore(target)
    report = small.restore(target, overwrite=True)
    assert small.ids() == ["a", "b", "c"]
    assert small.contents() == before | {"d": b"added later"}
    kept = SmallInstallation(tmp_path / "kept")
    kept.directory.mkdir()
    Path(report.former).rename(kept.path)
    assert kept.ids() == ["a", "b", "c", "d"]


def test_damaged_database_is_replaced_and_kept(small: SmallInstallation, tmp_path: Path) -> None:
    target = f"{tmp_path}/one.backup"
    small.back_up(target)
    small.path.write_bytes(b"no database at all" * 100)
    report = small.restore(target, overwrite=True)
    assert small.ids() == ["a", "b", "c"]
    assert Path(report.former).read_bytes().startswith(b"no database")


def kill_at(stage: str, action: str, directory: Path, target: Path) -> None:
    """Run the action in a process, and kill it when it reaches a stage."""
    program = [sys.executable, "-m", "tests.core.backup.small_installation"]
    process = subprocess.Popen([*program, action, directory, target, stage], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"reached\n"
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("name", ["one.backup", "many"])
def test_killed_backup_leaves_nothing_under_the_name_of_the_target(
    small: SmallInstallation, tmp_path: Path, name: str
) -> None:
    target = tmp_path / name
    if name == "many":
        target.mkdir()
    kill_at("Copying new files", "backup", small.directory, target)
    with pytest.raises((OperatorError, FileNotFoundError)):
        small.verify(str(target))
    small.back_up(str(target))
    small.verify(str(target))
    left = [
        path.name
        for path in (tmp_path, *tmp_path.glob("many/.*"))
        for path in path.glob(".*draft-*")
    ]
    assert not left
    assert len(list(tmp_path.glob("many/backups/*"))) <= 1


@pytest.mark.parametrize("stage", ["Reading the database", "Restoring files"])
def test_killed_restoration_leaves_the_former_database(
    small: SmallInstallation, tmp_path: Path, stage: str
) -> None:
    target = tmp_path / "one.backup"
    small.back_up(str(target))
    small.fill(d=b"added later")
    kill_at(stage, "restore", small.directory, target)
    assert small.ids() == ["a", "b", "c", "d"]
    assert small.contents()["d"] == b"added later"
    small.restore(str(target), overwrite=True)
    assert small.ids() == ["a", "b", "c"]
    assert not list(small.directory.glob(".portico-scratch-*"))


def test_contents_of_a_plugin_that_is_not_loaded_are_not_left_out_silently(
    small: SmallInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"{tmp_path}/one.backup"
    small.back_up(target)
    other = SmallInstallation(tmp_path / "other")
    without = dataclasses.replace(other.installation(), contents={})
    monkeypatch.setattr(other, "installation", lambda: without)
    with pytest.raises(BackupRefused, match=r"tests:things.*not loaded"):
        other.restore(target)
    assert not other.directory.exists()
