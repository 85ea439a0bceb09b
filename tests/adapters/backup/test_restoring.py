"""A restore brings back what a backup or a time promises, or says what is damaged and leaves the folder as it is."""

import shutil

import pytest

import homeroom as hr
from homeroom.adapters.backup.choosing import choose_as_of
from homeroom.adapters.backup.manifest import FileCopy, HeadCopy, LogCopy, Manifest
from homeroom.adapters.backup.restoring import restore
from homeroom.errors import BackupError, DamagedBackupError, DataDirectoryError
from tests.adapters.loads import answers, events, load
from tests.backups import HOUR, T0, backed_up, known, offer, restored, run, send
from tests.log.chains import DOCUMENTS
from tests.object_stores import Place


@pytest.fixture
def days(tmp_path, repository):
    """Back a node up once after each of four hours: batch n comes at hour n, and the backup half an hour later."""
    path = tmp_path / "lived"
    for hour in range(4):
        send(path, T0 + hour * HOUR, hour)
        backed_up(path, repository, T0 + hour * HOUR + HOUR // 2)
    return path


@pytest.mark.parametrize(
    ("at_hours", "wanted", "left_out"),
    [(0.0, 1, 0), (0.7, 1, 1), (1.0, 2, 0), (1.2, 2, 0), (2.9, 3, 1), (3.0, 4, 0), (9.0, 4, 0)],
)
def test_what_came_by_a_time_is_restored_and_nothing_later(
    days, repository, tmp_path, at_hours, wanted, left_out
):
    done = restored(repository, tmp_path / "new", T0 + int(at_hours * HOUR))

    have, count, _ = known(tmp_path / "new", range(4))
    assert (have, count) == (set(range(wanted)), wanted * 5)
    assert done.left_out == left_out


def test_a_time_before_the_first_snapshot_is_folded_from_the_log(tmp_path, repository):
    clock = [T0]

    async def work(node):
        for number in range(3):
            clock[0] = T0 + number * HOUR
            await offer(node, number)

    run(tmp_path / "lived", clock, work)
    backed_up(tmp_path / "lived", repository, T0 + 3 * HOUR)

    done = restored(repository, tmp_path / "new", T0 + HOUR)

    assert (done.entries, done.left_out, done.unfolded) == (3, 1, 3)
    assert known(tmp_path / "new", range(3))[:2] == ({0, 1}, 10)


def test_nothing_that_is_made_from_the_log_is_ahead_of_it(tmp_path, repository):
    path = tmp_path / "lived"
    send(path, T0, 0)
    for name in ("deliveries.db", "membership.tensors", "audit.ndjson"):
        (path / name).write_text("first")
    backed_up(path, repository, T0 + 2 * HOUR)
    for name in ("deliveries.db", "membership.tensors", "audit.ndjson", "later.db", "later.key"):
        (path / name).write_text("second")
    backed_up(path, repository, T0 + 4 * HOUR)

    wanted = {
        1: {"audit.ndjson": "first"},
        3: {"audit.ndjson": "first", "deliveries.db": "first", "membership.tensors": "first", "later.key": "second"},
        5: dict.fromkeys(("audit.ndjson", "deliveries.db", "membership.tensors", "later.db", "later.key"), "second"),
    }  # fmt: skip
    names = {name for files in wanted.values() for name in files}
    for hour, files in wanted.items():
        restored(repository, tmp_path / str(hour), T0 + hour * HOUR)
        found = {p.name: p.read_text() for p in (tmp_path / str(hour)).iterdir() if p.name in names}
        assert found == files, hour


def test_a_vault_is_taken_that_the_log_goes_on_from(tmp_path):
    def backup(hour, records, log, files=("documents.db",)):
        copies = [
            FileCopy(path=name, size_bytes=1, mtime_ns=hour, digest=b"", parts=()) for name in files
        ]
        return Manifest(
            id=str(hour),
            at_ms=T0 + hour * HOUR,
            lineage="",
            release="",
            snapshots=(),
            files=tuple(copies),
            log=None if log is None else log_copy(*log),
            records=records,
        )

    def log_copy(begins, end):
        starts = {str(DOCUMENTS): HeadCopy(begins, b"", 0)} if begins else {}
        heads = {str(DOCUMENTS): HeadCopy(end, b"", 0)}
        return LogCopy(heads=heads, begins=starts, packs=(), cursors={}, public=b"")

    def vault_at(hour, *backups):
        plan = choose_as_of(backups, "backups", T0 + int(hour * HOUR))
        return [copy.mtime_ns for copy in plan.files]

    def at(number):
        return {str(DOCUMENTS): number}

    first, second, third = (backup(n, at(10 * n), (0, 10 * n)) for n in (1, 2, 3))
    assert vault_at(2.5, first, second, third) == [2]
    assert vault_at(0.5, first, second, third) == [], "the log tells all"
    anew = backup(3, at(30), (15, 30))
    assert vault_at(2.5, first, second, anew) == [2]
    assert vault_at(3, first, second, anew) == [3]
    with pytest.raises(BackupError, match=r"no records from before .* that its log goes on from"):
        vault_at(1.5, first, backup(2, at(20), (15, 20)))
    older = backup(1, None, (0, 10))
    assert vault_at(1.5, older, second) == [1], "a backup of an older release, whose log has all"


def test_a_time_before_everything_is_empty(days, repository, tmp_path):
    done = restored(repository, tmp_path / "new", T0 - HOUR)

    assert (done.entries, done.left_out) == (0, 2)
    assert known(tmp_path / "new", range(4))[:2] == (set(), 0)


def test_a_restored_node_goes_on_and_is_backed_up_to_the_same_repository(
    days, repository, tmp_path
):
    restored(repository, tmp_path / "new", T0 + HOUR)
    send(tmp_path / "new", T0 + 10 * HOUR, 20)
    backed_up(tmp_path / "new", repository, T0 + 11 * HOUR)

    restored(repository, tmp_path / "newer")
    assert known(tmp_path / "newer", range(21))[:2] == ({0, 1, 20}, 15)
    restored(repository, tmp_path / "as it was", T0 + 4 * HOUR)
    assert known(tmp_path / "as it was", range(21))[:2] == ({0, 1, 2, 3}, 20)


def test_a_clone_beside_the_original_numbers_nothing_twice(days, repository, tmp_path):
    """One backup restored twice, both go on: each writes under an incarnation of its own."""
    tokens = []
    for name in ("one", "other"):
        restored(repository, tmp_path / name)
        tokens += [told.token for told in send(tmp_path / name, T0 + 9 * HOUR, 30)]
    assert tokens[0].origin != tokens[1].origin


def test_what_was_loaded_into_a_directory_comes_back(tmp_path, repository):
    load(tmp_path / "data", events(60))
    backed_up(tmp_path / "data", repository, T0)
    load(tmp_path / "data", events(20, "new"))
    backed_up(tmp_path / "data", repository, T0 + 1)

    first, second = repository.manifests()
    for at, manifest in (("one", first), ("two", second)):
        (snapshot,) = manifest.snapshots
        from homeroom.adapters.backup.choosing import choose

        restore(repository, choose([manifest], "here"), tmp_path / at)
        data = hr.open(tmp_path / at)
        assert data.fingerprint() == snapshot.fingerprint
        assert data.source.events_accepted == (60 if at == "one" else 80)
    assert answers(hr.open(tmp_path / "two")) == answers(hr.open(tmp_path / "data"))


def test_a_node_on_loaded_files_is_not_restored_to_before_them(tmp_path, repository):
    load(tmp_path / "data", events(60), key=None)
    send(tmp_path / "data", T0, 1)
    backed_up(tmp_path / "data", repository, T0 + HOUR)

    with pytest.raises(BackupError, match="what was loaded into it is not in the log"):
        restored(repository, tmp_path / "new", T0 - HOUR)
    assert not (tmp_path / "new").exists()
    restored(repository, tmp_path / "new")
    assert known(tmp_path / "new", range(2))[1] == 65


def test_several_tenants_come_back(tmp_path, repository):
    from homeroom.log.control import TenantPut
    from tests.running.nodes import batch, event

    async def work(node):
        await node.change(TenantPut(name="second", timezone="Asia/Tokyo"), "test")
        await node.offer("second", "key", batch("s", event(1), event(2)))

    run(tmp_path / "data", T0, work)
    backed_up(tmp_path / "data", repository, T0 + 1)
    restored(repository, tmp_path / "new")

    async def look(node):
        return node.status("second").events, node.control().tenants["second"].timezone

    assert run(tmp_path / "new", T0 + 2, look) == (2, "Asia/Tokyo")


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_left_alone(days, repository, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")

    with pytest.raises(BackupError, match="is not empty, it holds file"):
        restored(repository, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


def test_an_empty_folder_may_be_restored_into(days, repository, tmp_path):
    (tmp_path / "new").mkdir()
    restored(repository, tmp_path / "new")
    assert known(tmp_path / "new", range(4))[1] == 20


def test_a_restore_that_was_ended_is_no_directory(days, repository, tmp_path):
    (tmp_path / "new" / ".restoring").mkdir(parents=True)

    with pytest.raises(BackupError, match="ended half way; remove the folder"):
        restored(repository, tmp_path / "new")
    with pytest.raises(DataDirectoryError, match="its restore was ended half way"):
        send(tmp_path / "new", T0, 1)


def test_each_object_that_is_damaged_is_named_and_nothing_is_left(days, repository, tmp_path):
    manifest = repository.newest()
    folder = repository.objects.folder
    for number, name in enumerate(sorted(manifest.objects())):
        whole = (folder / name).read_bytes()
        damaged = bytearray(whole)
        damaged[(number * 37) % len(whole)] ^= 1
        for content in (bytes(damaged), whole[: len(whole) // 2], b"", None):
            if content is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(content)
            with pytest.raises(DamagedBackupError, match=name) as told:
                restored(repository, tmp_path / "new")
            assert "It is a part of" in str(told.value)
            assert list((tmp_path / "new").iterdir()) == []
        (folder / name).write_bytes(whole)
    restored(repository, tmp_path / "new")


def test_one_object_in_the_place_of_another_is_seen(days, repository, tmp_path):
    one, other = sorted(repository.newest().objects())[:2]
    folder = repository.objects.folder
    shutil.copy(folder / one, folder / other)

    with pytest.raises(DamagedBackupError, match=other):
        restored(repository, tmp_path / "new")


def test_a_repository_that_was_copied_elsewhere_is_restored_from(days, repository, tmp_path):
    from tests.backups import opened

    moved = shutil.copytree(repository.objects.folder, tmp_path / "moved")
    shutil.rmtree(repository.objects.folder)

    restored(opened(Place(str(moved), {}), tmp_path / "backup.key"), tmp_path / "new")
    assert known(tmp_path / "new", range(4))[1] == 20


def test_an_empty_repository_is_told(repository, tmp_path):
    with pytest.raises(BackupError, match="holds no backup yet"):
        restored(repository, tmp_path / "new")
