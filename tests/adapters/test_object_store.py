"""Objects in a folder and in an S3-compatible store: one suite for both, and what each says when it cannot."""

import os

import pytest

from homeroom import limits
from homeroom.adapters.object_store import open_objects
from homeroom.errors import BackupError, DamagedBackupError
from tests.object_stores import KINDS, SECRET, place_of


@pytest.fixture(params=KINDS)
def objects(request):
    return place_of(request.param, request).open()


def test_what_was_put_comes_back(objects):
    content = os.urandom(100_000)

    assert objects.put_new("objects/ab/one", content)
    assert objects.put_new("marks/empty", b"")

    assert objects.get("objects/ab/one") == content
    assert objects.get("marks/empty") == b""


def test_an_object_that_is_there_stays(objects):
    objects.put_new("one", b"first")

    assert not objects.put_new("one", b"second")
    assert objects.get("one") == b"first"

    objects.replace("one", b"third")
    assert objects.get("one") == b"third"


def test_objects_are_listed_below_a_prefix(objects):
    for name in ("objects/ab/one", "objects/cd/two", "backups/three", "four"):
        objects.put_new(name, name.encode())

    found = {one.name: one.size_bytes for one in objects.list("objects")}

    assert found == {"objects/ab/one": 14, "objects/cd/two": 14}
    assert {one.name for one in objects.list("")} == {*found, "backups/three", "four"}
    assert list(objects.list("nothing")) == []
    assert all(one.modified_ms > limits.TIME_MS_MIN for one in objects.list(""))


def test_what_was_removed_is_missing(objects):
    objects.put_new("one", b"1")

    objects.remove("one")
    objects.remove("one")

    with pytest.raises(DamagedBackupError, match=r"object one of .* is missing"):
        objects.get("one")


def test_an_object_that_is_too_large_is_not_read(objects, monkeypatch):
    monkeypatch.setattr(limits, "BACKUP_OBJECT_BYTES_MAX", 10)
    objects.put_new("one", bytes(11))

    with pytest.raises(DamagedBackupError, match="has 11 bytes, at most 10"):
        objects.get("one")


def test_a_folder_is_for_its_owner_alone(request):
    objects = place_of("folder", request).open()

    assert objects.folder.stat().st_mode & 0o077 == 0


def test_a_file_that_is_half_written_is_no_object(request):
    objects = place_of("folder", request).open()
    objects.put_new("objects/one", b"1")
    (objects.folder / "objects" / "one#1").write_bytes(b"")

    assert [one.name for one in objects.list("objects")] == ["objects/one"]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BackupError, match="there is no folder"):
        open_objects(str(tmp_path / "nowhere"), {})
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "location", ["s3://key:secret@bucket/prefix", "s3://bucket?secret=1", "s3://bucket#secret"]
)
def test_a_url_holds_no_secrets(location):
    with pytest.raises(BackupError, match="holds no keys") as told:
        open_objects(location, {})
    assert "secret@" not in str(told.value)
    assert "secret=1" not in str(told.value)


def test_without_a_key_no_address_is_asked_for_one():
    with pytest.raises(BackupError, match="set AWS_ACCESS_KEY_ID"):
        open_objects("s3://bucket/prefix", {"AWS_REGION": "eu-west-1"})


@pytest.mark.parametrize("location", ["s3://", "ftp://bucket/prefix", "s3:///prefix"])
def test_a_url_of_another_kind_is_told(location):
    with pytest.raises(BackupError, match="must be a folder, or s3://"):
        open_objects(location, {})


def test_a_bucket_that_is_not_there_is_told_without_secrets(object_server):
    objects = open_objects("s3://no-such-bucket", object_server.environment)

    with pytest.raises(BackupError, match=r"object one of s3://no-such-bucket .*not found") as told:
        objects.put_new("one", b"1")
    assert SECRET not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_store_that_does_not_answer_is_told(object_server, monkeypatch):
    monkeypatch.setattr(limits, "OBJECT_TRIES_MAX", 0)
    objects = open_objects(
        "s3://bucket", {**object_server.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    )

    with pytest.raises(BackupError, match="cannot be written"):
        objects.put_new("one", b"1")


def test_a_full_or_read_only_folder_is_told(request):
    objects = place_of("folder", request).open()
    (objects.folder / "objects").write_bytes(b"in the way")

    with pytest.raises(BackupError, match=r"object objects/one of .* cannot be written"):
        objects.put_new("objects/one", b"1")
