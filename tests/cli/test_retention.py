"""``homeroom retention``: shows, keeps for a while, and cuts, whether a node runs or not."""

import pytest

from homeroom.cli import main
from tests.running.nodes import batch, event, on


@pytest.fixture
def place(tmp_path):
    async def fill(node):
        await node.offer("main", "key", batch("a", *(event(number) for number in range(40))))

    on(tmp_path, fill)
    return tmp_path


def said(capsys, *words):
    status = main(["retention", "--data", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out.strip() or told.err.strip()


def test_history_is_shown_kept_and_cut(place, capsys):
    assert said(capsys, place) == (0, "main: history is kept for ever, and was never cut")
    assert said(capsys, place, "--keep", "400d", "--before", "2024-03-11") == (
        0,
        "main: history is kept for 400 days, and begins on 2024-03-11",
    )
    assert said(capsys, place, "--keep", "forever") == (
        0,
        "main: history is kept for ever, and begins on 2024-03-11",
    )
    assert main(["query", "active", "--data", str(place), "--json", "-"]) == 0
    assert '"events_accepted"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--keep", "soon"), "write a number of days, such as 400d, or forever"),
        (("--before", "11.3.2024"), "write a date, such as 2026-01-31"),
        (("--before", "2999-01-01"), "cut at a day that has come"),
        (("--tenant", "nobody"), "there is no tenant 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_refused(words, why, place, capsys):
    status, told = said(capsys, place, *words)
    assert status == 2
    assert why in told
