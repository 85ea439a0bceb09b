"""A load that is killed, whenever that is, leaves the directory as it was or as it would be, and the next one works.

The kills are real: see ``tests/cli/kills.py`` for how a load dies at each of its steps on the disk, or at any moment.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import homeroom as hr
from tests.adapters.loads import answers, events, load
from tests.cohorts.engine import key_file

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = 30_000
STORIES = ("first", "later", "merged", "voided", "compacted")


def kills(root: Path, folder: Path, story: str, way: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.cli.kills", str(folder), story, way]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def check(told: list[dict[str, Any]]) -> None:
    for one in told:
        assert one["left"] in {"before", "after"}, one
        assert one["next load"] is True, one
        assert one["strays"] == [], one


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES)
def test_a_load_may_die_at_any_step_on_the_disk(root, tmp_path, story):
    told = kills(root, tmp_path, story, "steps")
    check(told)
    assert all(one["ended"] == 77 for one in told), "each load was killed at its step"
    left = [one["left"] for one in told]
    assert left == sorted(left, reverse=True), (
        "there is one step before which nothing, and after which all is there"
    )
    assert set(left) == {"before", "after"}
    last_before = told[left.index("after") - 1]["step"]
    assert last_before == "os.rename homeroom.json.new"
    names = " ".join(one["step"] for one in told)
    files = {
        "voided": (".past",),
        "merged": (".past", ".parquet", ".index", ".ids", ".columns"),
        "compacted": (
            "-9000.parquet",
            "-9000.ids",
            "-9000.columns",
            "os.remove history/000001-0000",
        ),
    }.get(story, (".parquet", ".index"))
    for kept in (*files, ".tensors", ".dictionaries", "homeroom.json.new", "fsync"):
        assert kept in names, f"the sentinel saw no step on {kept}"


@pytest.mark.slow
@pytest.mark.parametrize("story", ["later", "first", "voided", "merged", "compacted"])
def test_a_load_may_die_at_any_moment(root, tmp_path, story):
    told = kills(root, tmp_path, story, "moments")
    check(told)
    assert sum(one["ended"] == -signal.SIGALRM for one in told) > len(told) // 3


@pytest.mark.slow
def test_the_command_may_be_killed_at_any_moment(tmp_path):
    source = tmp_path / "events.csv"
    rows = (
        f"learner {i % 900},{1_700_000_000 + i * 61},played,c{i % 5},{i}\n" for i in range(LINES)
    )
    with source.open("w") as file:
        file.write("account,time,verb,course,id\n")
        file.writelines(_iso(row) for row in rows)
    place = tmp_path / "data"
    load(place, events(60))
    before = answers(hr.open(place))

    def run_load(die_after_s: float) -> tuple[int, float]:
        def die() -> None:
            signal.setitimer(signal.ITIMER_REAL, die_after_s)  # survives the start of the program

        command = [sys.executable, "-m", "homeroom", "load", str(place), str(source)]
        began = time.perf_counter()
        run: Callable[..., Any] = subprocess.run
        done = run(
            [*command, "--key", key_file()], capture_output=True, preexec_fn=die, check=False
        )
        return done.returncode, time.perf_counter() - began

    copy = tmp_path / "copy"
    place.rename(copy)
    subprocess.run(["cp", "-r", copy, place], check=True)
    _, taken_s = run_load(0)
    after = answers(hr.open(place))
    assert after != before
    ended = []
    for part in range(4, 12):
        subprocess.run(["rm", "-r", place], check=True)
        subprocess.run(["cp", "-r", copy, place], check=True)
        ended.append(run_load(taken_s * part / 12)[0])
        assert answers(hr.open(place)) in (before, after)
    assert -signal.SIGALRM in ended
    run_load(0)
    assert answers(hr.open(place)) == after


def _iso(row: str) -> str:
    account, seconds, rest = row.split(",", 2)
    return f"{account},{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(int(seconds)))},{rest}"
