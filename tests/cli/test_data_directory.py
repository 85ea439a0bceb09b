"""A command that is about a data directory begins none, but for those that are there to begin one."""

import pytest

from homeroom.cli import main, status
from homeroom.running.stating import control_of_directory
from tests.running.nodes import now_ms

LEARNER = "0" * 32


@pytest.mark.parametrize(
    "words",
    [
        ("tenant", "list"),
        ("tenant", "homes", "main"),
        ("tenant", "homes", "main", "--default", "eu"),
        ("keys", "list"),
        ("keys", "revoke", "lms"),
        ("catalogue", "list"),
        ("retention", "main"),
        ("purposes",),
        ("erasures",),
        ("erase", LEARNER, "--yes"),
        ("consent", LEARNER),
        ("compliance", "report"),
        ("webhooks", "list"),
    ],
)
def test_where_nothing_is_a_command_says_so_and_leaves_nothing(words, tmp_path, capsys):
    place = tmp_path / "nowhere"
    assert main([*words, "--data", str(place)]) == status.FAILED
    assert "is no data directory; name one that homeroom load or" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("tenant", "list"), ("keys", "create", "x", "--scopes", "read")])
def test_the_folder_of_a_node_that_never_ran_is_left_as_it_is(words, tmp_path, capsys):
    assert main(["world", "init", str(tmp_path / "world")]) == status.CLEAN
    place = tmp_path / "world/us-east/us-east-1/data"
    before = sorted(place.iterdir())
    assert main([*words, "--data", str(place)]) == status.FAILED
    assert "has never run; start it with homeroom serve" in capsys.readouterr().err
    assert sorted(place.iterdir()) == before


def test_the_first_key_begins_a_directory(tmp_path):
    place = tmp_path / "school"
    assert main(["keys", "create", "lms", "--scopes", "read", "--data", str(place)]) == 0
    assert [key.name for key in control_of_directory(place, now_ms).keys.values()] == ["lms"]
    assert main(["tenant", "list", "--data", str(place)]) == status.CLEAN
