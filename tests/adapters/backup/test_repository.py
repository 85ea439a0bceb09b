"""A repository opens with its own key only, tells nothing by its names and bytes, and is made in an empty place."""

import json

import pytest

from homeroom import limits
from homeroom.adapters.backup.repository import make_repository, open_repository
from homeroom.adapters.backup.sealing import KeyFile, Passphrase, read_passphrase
from homeroom.errors import BackupError, DamagedBackupError, KeyFileError
from tests.backups import HOUR, T0, backed_up
from tests.object_stores import KINDS, place_of

WORDS = Passphrase("correct horse battery staple")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("secret", ["file", "words"])
def test_an_object_comes_back_under_the_same_secret(kind, secret, request, tmp_path):
    place = place_of(kind, request)
    own = KeyFile(tmp_path / "key") if secret == "file" else WORDS
    name = make_repository(place.location, place.environment, own).keep(b"content")

    assert open_repository(place.location, place.environment, own).read(name) == b"content"


def test_another_secret_does_not_open_it(tmp_path):
    make_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "key"))
    KeyFile(tmp_path / "other").make()

    with pytest.raises(DamagedBackupError, match=r"other does not open .*r: it is another one"):
        open_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "other"))
    with pytest.raises(BackupError, match="opens with a key file, not with a passphrase"):
        open_repository(str(tmp_path / "r"), {}, WORDS)
    with pytest.raises(KeyFileError, match="none of the backups is not there"):
        open_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_another_passphrase_does_not_open_it(tmp_path):
    make_repository(str(tmp_path / "r"), {}, WORDS)

    with pytest.raises(DamagedBackupError, match="the passphrase does not open") as told:
        open_repository(str(tmp_path / "r"), {}, Passphrase("wrong horse battery staple"))
    assert "wrong horse" not in str(told.value)
    with pytest.raises(BackupError, match="opens with a passphrase"):
        open_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "key"))
    assert "horse" not in repr(WORDS)


def test_a_short_passphrase_is_refused():
    with pytest.raises(BackupError, match="has 5 characters, must have at least 16"):
        Passphrase("short")


def test_a_passphrase_is_the_first_line_of_a_file_of_its_owner(tmp_path):
    (tmp_path / "words").write_text(f"{WORDS.text}\nmore\n")
    (tmp_path / "words").chmod(0o644)
    with pytest.raises(BackupError, match="mode 0644, so others may use it"):
        read_passphrase(tmp_path / "words")
    (tmp_path / "words").chmod(0o600)
    assert read_passphrase(tmp_path / "words") == WORDS
    with pytest.raises(BackupError, match="cannot be read"):
        read_passphrase(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f["key"].update(sealed="AAAA"), "does not open"),
        (lambda f: f.update(id="0" * 32), "does not open"),
        (lambda f: f["key"].update(salt="AAAA"), "does not open"),
        (lambda f: f["key"].pop("nonce"), "is damaged"),
        (lambda f: f.pop("homeroom_backups"), "is damaged"),
        (lambda f: f.update(homeroom_backups=2), "is of format 2, this release reads 1"),
    ],
)
def test_a_changed_head_is_told(tmp_path, change, said):
    make_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "key"))
    head = tmp_path / "r" / "repository.json"
    fields = json.loads(head.read_text())
    change(fields)
    head.write_text(json.dumps(fields))

    with pytest.raises(BackupError, match=said):
        open_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "key"))


def test_a_head_may_not_ask_for_all_memory(tmp_path):
    make_repository(str(tmp_path / "r"), {}, WORDS)
    head = tmp_path / "r" / "repository.json"
    fields = json.loads(head.read_text())
    fields["key"]["log2_cost"] = 40
    head.write_text(json.dumps(fields))

    with pytest.raises(DamagedBackupError, match="asks for scrypt of cost 2\\^40"):
        open_repository(str(tmp_path / "r"), {}, WORDS)


def test_a_head_that_is_cut_off_or_missing_is_told(tmp_path):
    make_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "key"))
    head = tmp_path / "r" / "repository.json"
    head.write_bytes(head.read_bytes()[:50])
    with pytest.raises(DamagedBackupError, match=r"repository.json of .* is damaged"):
        open_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "key"))
    head.unlink()
    with pytest.raises(BackupError, match="is no repository of backups"):
        open_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "key"))


def test_a_place_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "photo.jpg").write_bytes(b"1")

    with pytest.raises(BackupError, match=r"holds other things, photo.jpg for one"):
        make_repository(str(tmp_path / "r"), {}, KeyFile(tmp_path / "key"))
    assert not (tmp_path / "key").exists()


def test_nothing_in_a_repository_can_be_read_or_recognised(directory, repository):
    done = backed_up(directory, repository, T0)
    marked = [b"watched", b"homeroom.json", b"main/", b"PAR1", b"segments", b"analytic"]
    for path in repository.objects.folder.rglob("*"):
        if path.is_file() and path.name != "repository.json":
            content = path.read_bytes()
            assert not [mark for mark in marked if mark in content]
    assert not [n for n in done.manifest.objects() if not n.startswith("objects/")]


def test_two_repositories_give_one_content_two_names(tmp_path):
    names = {
        make_repository(str(tmp_path / name), {}, KeyFile(tmp_path / "key")).keep(b"content")
        for name in ("one", "other")
    }
    assert len(names) == 2


def test_a_mark_of_a_process_that_died_does_not_count_for_ever(repository):
    repository.objects.put_new("marks/prune-dead", b"")
    (found,) = repository.objects.list("marks")

    with (
        pytest.raises(BackupError, match="remove marks/prune-dead"),
        repository.backing_up(found.modified_ms + HOUR // 2),
    ):
        pass
    with repository.backing_up(found.modified_ms + 2 * limits.PRUNING_MS_MAX):
        names = [one.name for one in repository.objects.list("marks")]
        assert "marks/prune-dead" not in names
        assert len(names) == 1
    assert list(repository.objects.list("marks")) == []
