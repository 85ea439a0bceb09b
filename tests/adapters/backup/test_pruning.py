"""Old backups go, and whatever a kept one needs stays, whenever the removal ends."""

import pytest

from homeroom import limits
from homeroom.adapters.backup.pruning import Keep, prune
from homeroom.adapters.backup.verifying import verify
from homeroom.errors import BackupError, DamagedBackupError
from tests.backups import T0, backed_up, known, restored, send

DAY = 86_400_000


@pytest.fixture
def ten(directory, repository):
    """Back up on ten days."""
    for day in range(10):
        send(directory, T0 + day * DAY, 10 + day)
        backed_up(directory, repository, T0 + day * DAY)
    return repository


def test_the_newest_stay_and_are_whole(ten, tmp_path):
    before = ten.ids()
    done = prune(ten, Keep(count=3), lambda: T0 + 10 * DAY)

    assert ten.ids() == before[-3:]
    assert done.backups == 7
    assert done.objects > 0
    assert verify(ten, ten.ids()).damages == []
    assert ten.unnamed() == []
    restored(ten, tmp_path / "new")
    assert known(tmp_path / "new", range(20))[1] == 100


def test_those_of_some_days_stay(ten):
    before = ten.ids()
    prune(ten, Keep(days=4), lambda: T0 + 10 * DAY)
    assert ten.ids() == before[-4:]


def test_what_either_keeps_stays(ten):
    before = ten.ids()
    prune(ten, Keep(count=6, days=2), lambda: T0 + 10 * DAY)
    assert ten.ids() == before[-6:]


def test_the_newest_stays_however_old_it_is(ten):
    before = ten.ids()
    prune(ten, Keep(days=1), lambda: T0 + 1_000 * DAY)
    assert ten.ids() == before[-1:]
    assert verify(ten, ten.ids()).damages == []


def test_what_an_ended_backup_left_is_removed(ten):
    name = ten.keep(b"left behind")
    prune(ten, Keep(count=100), lambda: T0 + 10 * DAY)
    assert name not in {found.name for found in ten.objects.list("objects")}
    assert len(ten.ids()) == 10


def test_nothing_is_removed_while_a_backup_is_made(ten):
    with ten.backing_up(T0), pytest.raises(BackupError, match="is being backed up to since"):
        prune(ten, Keep(count=1), lambda: T0 + 10 * DAY)
    assert len(ten.ids()) == 10


def test_nothing_is_removed_while_a_manifest_cannot_be_read(ten):
    path = ten.objects.folder / "backups" / ten.ids()[4]
    path.write_bytes(b"half")
    with pytest.raises(DamagedBackupError, match="is damaged"):
        prune(ten, Keep(count=1), lambda: T0 + 10 * DAY)
    assert len(ten.ids()) == 10


def test_a_long_removal_goes_on_next_time(ten):
    times = iter([T0, T0, T0, *[T0 + limits.PRUNING_MS_MAX] * 1_000])
    done = prune(ten, Keep(count=1), lambda: next(times))
    assert not done.is_whole
    assert verify(ten, ten.ids()).damages == []

    again = prune(ten, Keep(count=1), lambda: T0)
    assert again.is_whole
    assert ten.unnamed() == []
