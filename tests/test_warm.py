"""After ``homeroom warm`` nobody waits for a compiler: whatever is read or asked, no kernel is compiled any more.

Numba keeps what it compiles as ``*.nbc`` files. So the tests start from an empty folder for these, warm up, use the
program as people do, in processes of their own, and look whether a file has come that was not there before.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import homeroom as hr

SHORT = ("--from", "2024-03-01", "--to", "2024-03-10")
QUESTIONS = (
    ("retention",),
    ("retention", "--interval", "day"),
    ("retention", "--interval", "month", "--mode", "recurring"),
    ("retention", "--interval", "hour", *SHORT),
    ("retention", "--match", "on-or-after", "--filter", "platform=web"),
    ("retention", "--brackets", "1,2-7", "--mode", "recurring"),
    ("retention", "--brackets", "1-2", "--match", "on-or-after", "--filter", "platform=web"),
    ("retention", "--entry-verb", "played", "--returning-verb", "completed"),
    ("retention", "--filter", "track=video", "--filter", "platform!=web"),
    (
        "retention",
        "--filter",
        "course=https://campus.example.org/course/001",
        "--breakdown",
        "platform",
    ),
    (
        "retention",
        "--filter",
        "course=https://campus.example.org/course/001",
        "--filter",
        "platform=web",
    ),
    ("retention", "--filter", "score>=0.5", "--breakdown", "activity"),
    ("retention", "--filter", "success=true", "--timezone", "Asia/Kolkata"),
    ("retention", "--align", "enrolment"),
    ("retention", "--align", "enrolment", "--filter", "verb=played"),
    ("retention", "--align", "course-start", "--interval", "day", "--breakdown", "course"),
    ("retention", "--align", "course-start", "--interval", "month", "--brackets", "1-3"),
    ("retention", "--breakdown", "track", "--week-start", "sunday"),
    ("lifecycle", "--breakdown", "course"),
    ("lifecycle", "--interval", "hour", *SHORT, "--filter", "platform=web"),
    ("stickiness", "--filter", "track=video,problem"),
    ("stickiness", "--filter", "verb=played", "--filter", "platform=android"),
    ("active", "--breakdown", "verb", "--filter", "platform=web"),
    ("active", "--timezone", "America/New_York"),
)

SCANNED = (("retention",), ("retention", "--interval", "day"), ("lifecycle",))

PROGRAM = """
import sys
from homeroom.cli import main
for line in sys.stdin:
    status = main(eval(line))
    assert status == 0, (status, line)
"""


def run(cache: Path, *commands: tuple[str, ...]) -> None:
    """Run commands in one process whose kernels are kept in a folder of their own."""
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(cache),
        "XDG_CONFIG_HOME": str(cache.parent / "config"),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="".join(f"{list(command)!r}\n" for command in commands),
        env=environment,
        cwd=cache.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]


def kernels(cache: Path) -> set[str]:
    return {path.name for path in cache.rglob("*.nbc")}


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Path:
    """Return a folder of kernels as ``homeroom warm`` leaves it."""
    cache = tmp_path_factory.mktemp("warm") / "kernels"
    run(cache, ("warm",))
    assert kernels(cache), "kernels are kept where the environment says"
    return cache


def in_ways(folder: Path) -> dict[str, list[str]]:
    """Write the same few learners in every format; return what to read for each."""
    big = (
        "generate",
        "--learners",
        "300",
        "--events",
        "4000",
        "--seed",
        "3",
        "--start",
        "2024-01-15",
    )
    ways = {}
    for name in ("events.csv", "events.ndjson", "events.parquet", "events.ndjson.gz"):
        ways[name] = [str(folder / name)]
    cache = folder / "generating"
    run(cache, *((*big[:1], place, *big[1:]) for (place,) in ways.values()))
    return ways


@pytest.mark.slow
def test_nothing_is_left_to_compile(warm, tmp_path):
    ways = in_ways(tmp_path)
    left: dict[str, list[str]] = {}
    for name, paths in ways.items():
        before = kernels(warm)
        asked = [("query", *q[:1], *paths, *q[1:], "--json", os.devnull) for q in QUESTIONS]
        run(warm, *asked[:: 1 if name == "events.csv" else 5])
        left[f"read {name}"] = sorted(kernels(warm) - before)
    place = str(tmp_path / "data")
    all_paths = [path for paths in ways.values() for path in paths]
    steps = {
        "analyze": [("analyze", *all_paths, "--html", str(tmp_path / "page.html"))],
        "load": [("load", place, all_paths[0]), ("load", place, *all_paths[1:])],
        "query --data": [
            ("query", *q[:1], "--data", place, *q[1:], "--json", os.devnull) for q in QUESTIONS
        ],
        "scan": [
            ("query", *q[:1], "--scan", *ways["events.parquet"], *q[1:], "--json", os.devnull)
            for q in SCANNED
        ],
    }
    if not hasattr(hr, "scan"):
        del steps["scan"]
    for step, commands in steps.items():
        before = kernels(warm)
        run(warm, *commands)
        left[step] = sorted(kernels(warm) - before)
    assert not any(left.values()), left
