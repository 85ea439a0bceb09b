"""What a program hands in of its world, and what it keeps of it."""

import pytest

from homeroom.client.known_world import KnownWorld
from homeroom.errors import SettingsError
from tests.client.tables import key_of, known

REGIONS = f"""
name = "school"
home = "east"
[regions.east]
latitude = 1.0
[regions.east.nodes.east-1]
key = "{key_of("east-1").public_text}"
http = "https://east-1"
[regions.east.nodes.planned]
"""


def test_the_file_of_regions_has_all_that_is_needed(tmp_path):
    (tmp_path / "regions.toml").write_text(REGIONS)
    world = KnownWorld.read(tmp_path / "regions.toml", place=(50.0, 8.0))
    assert (world.name, list(world.keys), world.place) == ("school", ["east-1"], (50.0, 8.0))
    assert world.addresses == ("https://east-1",)
    signature = key_of("east-1").sign(b"digest")
    assert world.verify()("east-1", b"digest", signature)
    assert not world.verify()("east-1", b"other", signature)
    assert not world.verify()("planned", b"digest", signature)


@pytest.mark.parametrize("text", ["", "regions = 3", "[regions]\neast = 3", "name = ", "\0"])
def test_a_file_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "regions.toml").write_text(text)
    with pytest.raises(SettingsError):
        KnownWorld.read(tmp_path / "regions.toml")


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "ed25519:?"])
def test_a_key_that_is_none_is_refused_at_once(text):
    with pytest.raises(SettingsError, match="public key of node 'a'"):
        KnownWorld(keys={"a": text})


@pytest.mark.parametrize("text", ["east-1", "ftp://east-1", "http://", "http://u:p@east-1"])
def test_an_address_that_is_none_is_refused_at_once(text):
    with pytest.raises(SettingsError, match="is no address of a node"):
        known("a", addresses=(text,))


def test_a_place_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="degrees"):
        known("a", place=(91.0, 0.0))


def test_a_table_is_kept_whole_and_read_again(tmp_path):
    world = known("a", file=tmp_path / "table")
    assert world.kept() is None
    assert world.keep(b"first") == ""
    assert world.keep(b"second") == ""
    assert world.kept() == b"second"
    assert [one.name for one in tmp_path.iterdir()] == ["table"]


def test_where_it_cannot_be_kept_that_is_said_and_where_it_cannot_be_read_too(tmp_path):
    assert "cannot be kept" in known("a", file=tmp_path / "no" / "table").keep(b"x")
    with pytest.raises(SettingsError, match="cannot be read"):
        known("a", file=tmp_path).kept()
