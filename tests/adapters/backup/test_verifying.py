"""A verification finds every damage there is, names what it hits, and goes on."""

import msgspec
import pytest

from homeroom.adapters.backup.verifying import verify
from tests.backups import T0, backed_up, send


@pytest.fixture
def several(directory, repository):
    backed_up(directory, repository, T0)
    for number in range(3):
        send(directory, T0 + number, 10 + number)
        backed_up(directory, repository, T0 + number)
    return repository


def test_whole_backups_are_read_once_each_object(several):
    found = verify(several, several.ids())

    named = {name for manifest in several.manifests() for name in manifest.objects()}
    assert found.damages == []
    assert (found.backups, found.objects) == (4, len(named))
    assert found.entries >= 14


def test_every_object_that_is_damaged_is_found_and_named(several):
    folder = several.objects.folder
    newest = several.newest()
    for name in sorted(newest.objects()):
        whole = (folder / name).read_bytes()
        damaged = bytearray(whole)
        damaged[-20] ^= 4
        for content in (bytes(damaged), whole[:-1], None):
            if content is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(content)
            found = verify(several, [newest.id])
            assert len(found.damages) == 1
            assert name in found.damages[0]
            assert newest.id in found.damages[0]
        (folder / name).write_bytes(whole)
    assert verify(several, [newest.id]).damages == []


def test_all_damages_are_told_together(several):
    names = sorted(several.newest().objects())
    for name in names:
        (several.objects.folder / name).unlink()

    found = verify(several, several.ids()[-1:])
    assert {name for name in names if any(name in damage for damage in found.damages)} == set(names)


def test_a_manifest_that_is_damaged_does_not_hide_the_others(several):
    first = several.ids()[0]
    path = several.objects.folder / "backups" / first
    path.write_bytes(path.read_bytes()[:100])

    found = verify(several, several.ids())
    assert found.backups == 3
    assert len(found.damages) == 1
    assert f"backups/{first} is damaged" in found.damages[0]


def test_a_manifest_in_the_place_of_another_is_seen(several):
    first, second = several.ids()[:2]
    folder = several.objects.folder / "backups"
    (folder / first).write_bytes((folder / second).read_bytes())

    assert "is damaged" in verify(several, [first]).damages[0]


def changed(several, **fields):
    """Put a manifest that says something else; whoever has the key could."""
    newest = several.newest()
    log = msgspec.structs.replace(newest.log, **fields)
    other = msgspec.structs.replace(newest, id=several.new_id(T0 + 9, newest), log=log)
    several.finish(other)
    return verify(several, [other.id]).damages


def test_a_log_that_lacks_a_pack_is_told(several):
    packs = several.newest().log.packs
    assert len(packs) > 1
    damages = changed(several, packs=packs[1:])
    assert damages
    assert all("is whole up to entry" in damage for damage in damages)


def test_a_log_that_ends_otherwise_is_told(several):
    heads = several.newest().log.heads
    name = min(heads)
    other = msgspec.structs.replace(heads[name], digest=bytes(32))
    (damage,) = changed(several, heads={**heads, name: other})
    assert name in damage


def test_entries_signed_by_another_are_told(several):
    damages = changed(several, public=bytes(32))
    assert damages
    assert all("is not signed by its node" in damage for damage in damages)
