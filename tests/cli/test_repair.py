"""``homeroom repair``: says what was wrong, by row, and by its status whether anything was."""

import json

import pytest

from homeroom.cli import main, status
from tests.running.nodes import on
from tests.running.test_repairing import spoil, written


@pytest.fixture
def place(tmp_path):
    """Give a directory whose snapshot is of a damaged state, with where and who is wrong in it."""
    found = []

    async def damage(node):
        await written(node, *range(9))
        found.append(spoil(node))

    on(tmp_path, damage)
    return tmp_path, *found[0]


def test_what_was_wrong_is_told_and_put_right(place, capsys):
    path, where, key = place
    assert main(["repair", "--data", str(path)]) == status.DAMAGED
    assert capsys.readouterr().out.splitlines() == [
        f"repaired: tenant main, {where}: 1 row: {key}",
        "Folded 2 entries anew from the log: 7 learners, 9 events; what was wrong has been put right.",
    ]
    assert main(["repair", "--data", str(path)]) == status.CLEAN
    assert capsys.readouterr().out.endswith("nothing was wrong.\n")


def test_it_is_written_as_json_too(place, capsys):
    path, where, key = place
    assert main(["repair", "--data", str(path), "--json", "-"]) == status.DAMAGED
    told = json.loads(capsys.readouterr().out)
    assert told["tenants"][0]["shards"] == [{"place": where, "rows": 1, "keys": [key]}]


def test_a_directory_without_a_log_is_left_as_it_is(tmp_path, capsys):
    assert main(["repair", "--data", str(tmp_path)]) == status.FAILED
    assert "no node has run on it" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
